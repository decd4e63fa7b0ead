"""The words of chapter one: how the model works."""

from __future__ import annotations

EN: dict[str, str] = {
    "works": "How it works",
    "works.lead": "Here you see what the network is built of and what its parts have learnt to "
    "look for, from simple patterns to whole shapes.",
    "diagram.title": "{steps} steps from picture to answer; {share:.0%} of all it has learnt sits "
    "in {heaviest}",
    "diagram.title.empty": "{steps} steps from picture to answer",
    "diagram.caption": "Each box is a layer; a picture enters at the top and the answer leaves at "
    "the bottom. A box says what the layer does, the size of what comes out of it (rows × cols × "
    "channels), and how many numbers it has learnt.",
    "filters.title": "What each of the {n} filters of the first convolution looks for",
    "filters.title.deep": "The {n} filters of {node}: how each weighs what came before",
    "filters.caption": "Each tile is one filter, a pattern of {rows}×{cols} cells that is slid "
    "over the picture. Red cells want brightness at their place, blue cells want darkness, white "
    "ones do not care.",
    "filters.caption.colour": "Each tile is one filter, a pattern of {rows}×{cols} cells that is "
    "slid over the picture. A cell's colour is the colour it wants to see; mid-grey means it does "
    "not care (weight 0), the full colour stands for a weight of {top}.",
    "filters.caption.deep": "One column for each of the {n} filters, one small square in it for "
    "each of the {channels} channels that it reads. Red: the more of that channel here, the "
    "stronger the answer; blue: the weaker.",
    "features.title": "What {node} answers to this {true}: {active} of {n} maps light up",
    "features.caption": "Each tile is the answer of one filter to the picture above them: the "
    "brighter, the more the filter has found its pattern there. A dark tile means that it has "
    "found nothing.",
    "features.caption.signed": "Each tile is the answer of one filter to the picture above them: "
    "red where it answers above zero, blue where it answers below zero, white where it answers "
    "nothing.",
    "classes.title": "The picture that the network would like best for each class",
    "classes.caption": "Starting from noise, each picture was changed step by step so that the "
    "score of its class rose. It shows what the network looks for, which is not what a person "
    "would draw. Under each picture: how sure the network is that it is this class.",
    "diagram.head": "layer (type)|output|learnt|multiply-adds|sees",
    "diagram.total": "all",
    "diagram.caption.table": "The table also says how many multiplications with an addition after "
    "them a picture costs there, and how large a window of the picture one number of the layer "
    "depends on, in pixels, with what lies beside the picture (a dash: all of it, or it does not "
    "apply).",
    "classes.title.all": "The picture that the network would like best for each class: {all} "
    "score above the best of the {pictures:,} pictures",
    "classes.title.some": "The picture that the network would like best for each class: {above} "
    "of {n} score above the best of the {pictures:,} pictures",
    "classes.all": "both|all three|all four|all five|all six|all seven|all eight|all nine|all ten",
    "classes.caption.against": "Its score stands there too, and the best score that any of the "
    "{pictures:,} pictures has for this class; 99% of the pictures stay below {low} to {high}, "
    "depending on the class.",
    "classes.below": "{names}: what was made does not score above the best picture; more steps or "
    "smaller priors may help",
    "classes.label": "{name}: {sure:.1%}, score {score} (best picture {best})",
    "classes.label.plain": "{name}: {sure:.1%}",
    "channels.title": "What each of {n} filters of {node} answers to most; {above} of them prefer "
    "the patch that was made for them to all of {pictures:,} pictures",
    "channels.title.all": "What each of {n} filters of {node} answers to most; every one prefers "
    "the patch that was made for it to all of {pictures:,} pictures",
    "channels.caption": "First in each strip: the patch of {rows}×{cols} pixels, as much as one "
    "filter of this layer can see, that makes it answer most strongly; found by climbing from "
    "noise.",
    "patches.caption": "Then, from left to right, what excites it most in the {pictures:,} "
    "pictures: the best place of each of the {k} best pictures.",
    "patches.beside": "Blue-grey is what lies beside the picture.",
    "patches.silent": "{n} of {of} filters answer the same at every place of all pictures "
    "({which}): grey tiles stand where their patches would be",
    "sizes.title": "From {first} to {last} the spread of the answers goes from {low} to {high}",
    "sizes.caption": "Above: the numbers that each layer has learnt. Below: what each layer "
    "answers to {pictures:,} pictures, from the first layer to the last. Thin lines reach from "
    "the smallest to the largest number, thick ones one standard deviation to either side of the "
    "mean (orange). A network learns well where the answers neither fade nor explode on the way.",
    "sizes.powers": "Far from zero the scale goes by powers of ten.",
    "sizes.limit": "Of the {of} steps at most {most} are shown, evenly spread from the first to "
    "the last.",
    "embedding.title.apart": "Before it decides, the network has sorted the pictures: {near:.0%} "
    "of the points lie next to one of their own class",
    "embedding.title.partly": "Before it decides, the network has partly sorted the pictures: "
    "{near:.0%} of the points lie next to one of their own class",
    "embedding.title.mixed": "Seen in two directions, the classes are still mixed before the "
    "network decides: {near:.0%} of the points lie next to one of their own class",
    "embedding.title.plain": "How the network arranges the pictures before it answers",
    "embedding.caption": "Each of the {n:,} points is a picture. What {node} answers to it is "
    "many numbers; they are drawn in the two directions in which the pictures differ most, which "
    "hold {share:.0%} of all differences. Pictures that are alike to the network lie close "
    "together.",
    "embedding.caption.classes": "Colours are the classes. Classes that overlap here may still be "
    "apart in one of the other directions.",
    "works.conclude": "It shows what parts of the network answer to, not that the network is "
    "right for that reason.",
    "diagram.learnt": "{total:,} ({fixed:,} not trainable)",
    "diagram.parameters": "parameters",
    "diagram.alt": "Block diagram of the network",
    "todo.works": "To make it faster, begin with {node}: it does {share:.0%} of all "
    "multiplications for a picture.",
    "todo.works.nothing": "Nothing here calls for a change: no single layer does half of the work.",
}

ZH: dict[str, str] = {
    "works": "它如何工作",
    "works.lead": "这里可以看到网络由什么构成，以及它的各部分学会了寻找什么，从简单的图案到完整的"
    "形状。",
    "diagram.title": "从图片到答案共 {steps} 步；所学参数的 {share:.0%} 集中在 {heaviest}",
    "diagram.title.empty": "从图片到答案共 {steps} 步",
    "diagram.caption": "每个方框是一层；图片从上方进入，答案从下方输出。方框中写明这一层做什么、输"
    "出的尺寸（行 × 列 × 通道），以及它学得了多少个参数。",
    "filters.title": "第一个卷积层的 {n} 个滤波器各自在寻找什么",
    "filters.title.deep": "{node} 的 {n} 个滤波器：每个如何对前一层的输出加权",
    "filters.caption": "每一格是一个滤波器，即一个在图片上滑动的 {rows}×{cols} 小图案。红色格希望"
    "该处明亮，蓝色格希望该处黑暗，白色格则不在意。",
    "filters.caption.colour": "每一格是一个滤波器，即一个在图片上滑动的 {rows}×{cols} 小图案。格子"
    "的颜色就是它想看到的颜色；中灰表示不在意（权重为 0），饱和的颜色表示权重为 {top}。",
    "filters.caption.deep": "{n} 个滤波器各占一列，列中的每个小方块对应它所读取的 {channels} 个通"
    "道之一。红色：该通道在此处越强，响应越强；蓝色：则越弱。",
    "features.title": "{node} 对这个 {true} 的响应：{n} 个特征图中有 {active} 个被激活",
    "features.caption": "每一格是一个滤波器对上方图片的响应：越亮，表示该滤波器在那里越明显地找到"
    "了它的图案。暗格表示什么也没有找到。",
    "features.caption.signed": "每一格是一个滤波器对上方图片的响应：红色表示响应大于零，蓝色表示小"
    "于零，白色表示没有响应。",
    "classes.title": "网络心目中每个类别的理想图像",
    "classes.caption": "从噪声出发，一步步修改图像，使其类别的得分不断升高。它显示的是网络在寻找什"
    "么，而不是人会画成的样子。每张图像下方写着网络认为它属于该类别的概率。",
    "diagram.head": "层（类型）|输出|参数|乘加次数|感受野",
    "diagram.total": "合计",
    "diagram.caption.table": "表中还列出一张图片在该层需要多少次乘加运算，以及该层的一个数值取决于"
    "图片中多大的窗口（以像素计，包括图片边界以外的部分；短横线表示整张图片，或不适用）。",
    "classes.title.all": "网络心目中每个类别的理想图像：全部{all}的得分都超过了 {pictures:,} 张图"
    "片中的最高分",
    "classes.title.some": "网络心目中每个类别的理想图像：{n} 张中有 {above} 张的得分超过了 "
    "{pictures:,} 张图片中的最高分",
    "classes.all": "两张|三张|四张|五张|六张|七张|八张|九张|十张",
    "classes.caption.against": "同时给出它的得分，以及 {pictures:,} 张图片中该类别的最高得分；99"
    "% 的图片低于 {low} 至 {high}，视类别而定。",
    "classes.below": "{names}：生成的图像得分未超过最好的图片；增加步数或减小先验可能有帮助",
    "classes.label": "{name}：{sure:.1%}，得分 {score}（最好的图片 {best}）",
    "classes.label.plain": "{name}：{sure:.1%}",
    "channels.title": "{node} 的 {n} 个滤波器各自对什么响应最强；与全部 {pictures:,} 张图片相比，"
    "其中 {above} 个更偏爱为它生成的图块",
    "channels.title.all": "{node} 的 {n} 个滤波器各自对什么响应最强；与全部 {pictures:,} 张图片相"
    "比，每一个都更偏爱为它生成的图块",
    "channels.caption": "每条的第一格：使该滤波器响应最强的 {rows}×{cols} 像素图块，即该层一个滤波"
    "器所能看到的范围；由噪声逐步优化得到。",
    "patches.caption": "其后从左到右：{pictures:,} 张图片中最能激活它的地方，取最好的 {k} 张图片各"
    "自的最佳位置。",
    "patches.beside": "蓝灰色是图片以外的部分。",
    "patches.silent": "{of} 个滤波器中有 {n} 个在所有图片的所有位置响应都相同（{which}）：它们的图"
    "块处以灰格代替",
    "sizes.title": "从 {first} 到 {last}，响应的离散程度由 {low} 变为 {high}",
    "sizes.caption": "上方：每一层学得的参数。下方：每一层对 {pictures:,} 张图片的响应，从第一层到"
    "最后一层。细线从最小值延伸到最大值，粗线为平均值（橙色）两侧各一个标准差。当响应在途中既不消"
    "失也不爆炸时，网络学得最好。"
    "图中：learnt numbers 学得的参数，answers 响应。",
    "sizes.powers": "离零较远处，标度以 10 的幂递增。",
    "sizes.limit": "{of} 步中最多显示 {most} 步，从头到尾均匀选取。",
    "embedding.title.apart": "在判断之前，网络已把图片分好：{near:.0%} 的点紧邻同类的点",
    "embedding.title.partly": "在判断之前，网络已部分地把图片分开：{near:.0%} 的点紧邻同类的点",
    "embedding.title.mixed": "在两个方向上看，各类别在网络判断之前仍混在一起：{near:.0%} 的点紧邻"
    "同类的点",
    "embedding.title.plain": "网络在回答之前如何排列这些图片",
    "embedding.caption": "{n:,} 个点各代表一张图片。{node} 对它的响应是许多数值，这里沿图片差异最"
    "大的两个方向画出，这两个方向占全部差异的 {share:.0%}。网络看来相似的图片彼此靠近。"
    "图中：first、second direction 第一、第二方向，variance 方差。",
    "embedding.caption.classes": "颜色表示类别。在此重叠的类别，可能在其他方向上是分开的。",
    "works.conclude": "它说明网络的各部分对什么作出响应，而不说明网络因此就是对的。",
    "diagram.learnt": "{total:,}（{fixed:,} 个不可训练）",
    "diagram.parameters": "个参数",
    "diagram.alt": "网络结构图",
    "todo.works": "若要加快速度，请从 {node} 入手：处理一张图片的全部乘法中有 {share:.0%} 在这里。",
    "todo.works.nothing": "这里没有需要改动的地方：没有哪一层承担了一半的计算。",
}
