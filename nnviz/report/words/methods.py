"""What the methods are called and what they show; how far their maps can be believed."""

from __future__ import annotations

EN: dict[str, str] = {
    "method.gradient": "gradient|red: more light there would raise the score",
    "method.integrated_gradients": "integrated gradients|gradients added up on the way from a "
    "plain picture to this one",
    "method.deep_lift": "DeepLIFT|the difference from a plain picture, handed back layer by layer",
    "method.lrp": "LRP|the score, handed back layer by layer to what brought it about",
    "method.grad_cam": "Grad-CAM|regions whose maps help the class; it knows no against",
    "method.other": "what it means stands in its paper, named under Details",
    "method.occlusion": "occlusion|what covering each place costs the score",
    "method.guide": "large-square occlusion|what covering costs on average",
    "method.saliency": "saliency (plain)|how strongly each pixel moves the score",
    "method.guided_backprop": "saliency (guided)|the same, of what excites on the way back only",
    "method.deconvnet": "saliency (rectified)|the same, of what is positive on the way back only",
    "method.guided_cam": "Grad-CAM (guided)|only what excites",
    "method.rectified_cam": "Grad-CAM (rectified)|only what is positive",
    "trust.sentence": "Taking the {share:.0%} of the pixels away that the {name} maps of these {n} "
    "pictures show brightest brings the probability from {before:.2f} to {after:.2f} on average; "
    "with random maps, to {random:.2f}.",
    "trust.sentence.one": "Taking the {share:.0%} of the pixels away that this {name} map shows "
    "brightest brings the probability from {before:.2f} to {after:.2f}; with a random map, to "
    "{random:.2f}.",
    "trust.lead": "Taking the {share:.0%} of the pixels away that the maps of these {n} pictures "
    "show brightest brings the lead of the wrong answer from {before:.2f} to {after:.2f} on "
    "average; with random maps, to {random:.2f}.",
    "trust.lead.one": "Taking the {share:.0%} of the pixels away that this map shows brightest "
    "brings the lead of the wrong answer from {before:.2f} to {after:.2f}; with a random map, to "
    "{random:.2f}.",
    "trust.mistakes": "Taking the {share:.0%} of the pixels away that the maps for the answer show "
    "brightest brings its probability from {before:.2f} to {after:.2f} on average (with random "
    "maps, to {random:.2f}); the same with the maps for the truth brings its probability from "
    "{was:.2f} to {then:.2f} ({chance:.2f}).",
    "trust.mistakes.one": "Taking the {share:.0%} of the pixels away that the map for the answer "
    "shows brightest brings its probability from {before:.2f} to {after:.2f} (with a random map, "
    "to {random:.2f}); the same with the map for the truth brings its probability from {was:.2f} "
    "to {then:.2f} ({chance:.2f}).",
    "trust.list": "Taking the {share:.0%} of the pixels away that a map shows brightest brings "
    "the probability, on average over these {n} pictures, from {before:.2f} to: {each}; with "
    "random maps, to {random:.2f}.",
    "trust.list.one": "Taking the {share:.0%} of the pixels away that a map shows brightest brings "
    "the probability from {before:.2f} to: {each}; with a random map, to {random:.2f}.",
    "trust.marked": "Mark: the {name} map {marks}.",
    "trust.marked.several": "Mark: each map of {name} {marks}.",
    "trust.picture": "shows the picture rather than the network",
    "trust.any_class": "looks the same whichever class is asked for",
    "trust.blank": "is blank once the network is destroyed, so that the check cannot judge it",
    "trust.empty": "is blank",
    "trust.passes": "passes",
    "trust.none": "none",
    "trust.range": "{mean} ({low} to {high})",
    "trust.unchecked": "not checked",
    "trust.survives": "{rho}: {mark}",
    "trust.head": "method|probability, 10% taken away|insertion less deletion|not surely better "
    "than|network destroyed",
    "trust.head.known": "at the true place",
    "trust.head.decoy": "at the decoy",
    "trust.title": "{good} of {n} methods can be believed here: they beat maps that know nothing, "
    "and notice when the network is destroyed; best is {best}",
    "trust.title.no": "Of {n} methods no one is surely better here than maps that know nothing of "
    "the network",
    "trust.title.decoy": "The maps show the spurious cue: their brightest pixel lies there in "
    "{decoy:.0%} of the cases, at the true one in {true:.0%}",
    "trust.title.true": "The maps show the true cue: their brightest pixel lies there in "
    "{true:.0%} of the cases, at what only looks like a reason in {decoy:.0%}",
    "trust.spread": "spread over the data",
    "trust.explained": "those of the maps above",
    "trust.caption": "Every method's maps of the same {n} pictures, {which}. Taking "
    "the brightest {share:.0%} of a map away should lower the probability. Insertion less "
    "deletion sums that up over all shares of the pixels (higher is better; in brackets the "
    "mean's 95% interval). The controls are a random map, the middle of the picture, and its "
    "edges: a method that is not surely better has shown nothing that one could not guess. "
    "Network destroyed: how alike a map stays when all that was learnt is shuffled, from 0 (not "
    "at all) to 1; from a half on, it shows the picture rather than the network.",
    "trust.few": "As the pictures are large, the network was destroyed once, for {n} of them.",
    "control.random": "a random map",
    "control.centre": "the centre",
    "control.edges": "the edges",
}

ZH: dict[str, str] = {
    "method.gradient": "梯度|红色：该处更亮会提高得分",
    "method.integrated_gradients": "积分梯度|沿着从纯色图片到本图片的路径累加梯度",
    "method.deep_lift": "DeepLIFT|与纯色图片的差异，逐层向回分配",
    "method.lrp": "LRP|把得分逐层向回分配给产生它的部分",
    "method.grad_cam": "Grad-CAM|其特征图有助于该类别的区域；它不显示反对的部分",
    "method.other": "其含义见“详情”中列出的论文",
    "method.occlusion": "遮挡|遮住每个位置使得分损失多少",
    "method.guide": "大方块遮挡|遮住平均损失多少",
    "method.saliency": "显著图（原始）|每个像素稍加改变时，得分会变化多少",
    "method.guided_backprop": "显著图（引导）|同上，回传时只保留起激活作用的部分",
    "method.deconvnet": "显著图（整流）|同上，回传时只保留正的部分",
    "method.guided_cam": "Grad-CAM（引导）|只保留起激活作用的部分",
    "method.rectified_cam": "Grad-CAM（整流）|只保留正的部分",
    "trust.sentence": "去掉这 {n} 张图片的{name}图中最亮的 {share:.0%} 像素，概率平均从 "
    "{before:.2f} 变为 {after:.2f}；用随机图则变为 {random:.2f}。",
    "trust.sentence.one": "去掉这张{name}图中最亮的 {share:.0%} 像素，概率从 {before:.2f} 变为 "
    "{after:.2f}；用随机图则变为 {random:.2f}。",
    "trust.lead": "去掉这 {n} 张图片的图中最亮的 {share:.0%} 像素，错误答案的领先平均从 "
    "{before:.2f} 变为 {after:.2f}；用随机图则变为 {random:.2f}。",
    "trust.lead.one": "去掉这张图中最亮的 {share:.0%} 像素，错误答案的领先从 {before:.2f} 变为 "
    "{after:.2f}；用随机图则变为 {random:.2f}。",
    "trust.mistakes": "去掉支持所给答案的图中最亮的 {share:.0%} 像素，该答案的概率平均从 "
    "{before:.2f} 变为 {after:.2f}（用随机图则变为 {random:.2f}）；对支持正确答案的图同样处理，"
    "正确答案的概率从 {was:.2f} 变为 {then:.2f}（{chance:.2f}）。",
    "trust.mistakes.one": "去掉支持所给答案的图中最亮的 {share:.0%} 像素，该答案的概率从 "
    "{before:.2f} 变为 {after:.2f}（用随机图则变为 {random:.2f}）；对支持正确答案的图同样处理，"
    "正确答案的概率从 {was:.2f} 变为 {then:.2f}（{chance:.2f}）。",
    "trust.list": "去掉一张图中最亮的 {share:.0%} 像素，这 {n} 张图片的概率平均从 {before:.2f} "
    "变为：{each}；用随机图则变为 {random:.2f}。",
    "trust.list.one": "去掉一张图中最亮的 {share:.0%} 像素，概率从 {before:.2f} 变为：{each}；"
    "用随机图则变为 {random:.2f}。",
    "trust.marked": "标记：{name}图{marks}。",
    "trust.marked.several": "标记：{name}的图均{marks}。",
    "trust.picture": "显示的是图片而不是网络",
    "trust.any_class": "无论针对哪个类别看起来都一样",
    "trust.blank": "在网络被破坏后变为空白，因此检验无法评判",
    "trust.empty": "是空白的",
    "trust.passes": "通过",
    "trust.none": "无",
    "trust.range": "{mean}（{low} 至 {high}）",
    "trust.unchecked": "未检验",
    "trust.survives": "{rho}：{mark}",
    "trust.head": "方法|去掉 10% 后的概率|插入减删除|未能确定优于|破坏网络后",
    "trust.head.known": "在真实位置",
    "trust.head.decoy": "在伪线索处",
    "trust.title": "{n} 种方法中有 {good} 种在这里可信：它们优于对网络一无所知的图，并能察觉网络被"
    "破坏；最好的是{best}",
    "trust.title.no": "{n} 种方法中，没有一种在这里能确定优于对网络一无所知的图",
    "trust.title.decoy": "热力图显示了伪线索：其最亮的像素有 {decoy:.0%} 落在伪线索处，{true:.0%} "
    "落在真实位置",
    "trust.title.true": "热力图显示了真实线索：其最亮的像素有 {true:.0%} 落在真实位置，"
    "{decoy:.0%} 落在看似理由之处",
    "trust.spread": "在数据中均匀选取",
    "trust.explained": "即上面各图所用的图片",
    "trust.caption": "各种方法对同样 {n} 张图片（{which}）生成的图。去掉一张图中最亮的 "
    "{share:.0%} 应使概率下降。“插入减删除”把所有像素比例下的变化汇总起来（越高越好；括号内为平均"
    "值的 95% 置信区间）。对照是随机图、图片中心和图片边缘：不能确定优于对照的方法，没有显示出任"
    "何猜不到的东西。“破坏网络后”：打乱所有学得的参数后，图还有多相似，从 0（完全不同）到 1；达到"
    "一半或以上的图，显示的就是图片而不是网络。",
    "trust.few": "这样大的图片计算代价高，因此只对其中 {n} 张、只破坏网络一次。",
    "control.random": "随机图",
    "control.centre": "中心",
    "control.edges": "边缘",
}
