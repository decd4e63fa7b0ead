"""The words of chapter four: why the model decided so."""

from __future__ import annotations

EN: dict[str, str] = {
    "why": "Why it decided so",
    "why.lead": "Here you see which parts of a picture an answer rests on, found out in several "
    "ways; where they agree you may believe them more than any one of them alone.",
    "why.plain": "This network's output means no classes, so there is no decision to explain "
    "here. What its parts look for stands in the first chapter.",
    "cover.title": "The {place} of this {true} matters most: covered, its score falls from "
    "{score} to {after}",
    "cover.title.plain": "Where covering a part of the picture costs the answer most",
    "cover.caption": "A {colour} square of {patch}×{patch} pixels was laid over every place of "
    "the picture in turn ({places} places), and each pixel shows what the squares over it cost on "
    "average. Red: covering this place lowers the score of the class; blue: it raises it; white: "
    "it makes no difference. All maps share one scale.",
    "colours": "black|dark grey|grey|light grey|white",
    "cover.background": "As the square has the colour of the paper, it only takes away and draws "
    "nothing new.",
    "guide.title": "With the {place} covered, this {true} turns into {answer}",
    "guide.title.firm": "Large parts may be covered and every answer stays",
    "guide.title.plain": "What the network answers when large parts are covered",
    "guide.caption": "Here a large grey square of {patch}×{patch} pixels was moved over the "
    "picture in steps of {stride} ({places} places). First row: the picture. Second: how sure the "
    "network still is of its answer when the square's middle is here (bright: sure, dark: lost). "
    "Third: what it answers then, a colour for each class. Under it: how often each answer was "
    "given.",
    "guide.others": "others: {count}",
    "guide.rows": "the picture|still sure|its answer",
    "saliency.title": "Which pixels the scores hang on, in three readings",
    "saliency.title.one": "Which pixels the scores hang on",
    "saliency.one": "The guided and the rectified reading give the very same maps: the network has "
    "no ReLU.",
    "saliency.caption": "Bright pixels are those where a small change would move the score of the "
    "class most. “Plain” is the exact slope; “guided” and “rectified” let only part of it pass, "
    "which looks tidier but follows the edges in the picture itself, so trust the plain one. All "
    "maps of one row share one scale.",
    "cam.title": "Which regions speak for each class, in three readings",
    "cam.title.one": "Which regions speak for each class",
    "cam.one": "The guided and the rectified reading give the very same maps: no ReLU lies between "
    "{node} and the answer.",
    "cam.caption": "Grad-CAM: the maps of {node} are added up, each weighted by how much it helps "
    "the class. The brighter, the more this region speaks for the class. It is coarser than the "
    "pixel maps and closer to what the network really combines. All maps of one row share one "
    "scale.",
    "todo.coverage": "For {name} the answer hangs on a small spot: a covering of {patch}×{patch} "
    "pixels takes {share:.0%} of its score. Train with parts of the pictures covered to make it "
    "less brittle.",
    "todo.trust": "Before you rely on a heat map, compare it with the plain reading: the guided "
    "and rectified ones also follow edges that the network does not use.",
    "warning.same": "The {rule} maps of {name} are the same whichever class is asked for: they "
    "show the picture rather than a reason.",
    "methods.title": "{n} methods, one question: {a} and {b} agree most, {c} and {d} least",
    "methods.title.plain": "Several methods, one question",
    "methods.caption": "Every row answers for the same pictures, with another method, what speaks "
    "for the answer (red) and what against it (blue); white has no part in it. Rows have scales "
    "of their own, named beside them, since the methods count in different units. {agreement}",
    "methods.agreement": "Agreement is the correlation of two maps: {high:.2f} for {a} and {b}, "
    "{low:.2f} for {c} and {d}, where 1 would be the same map, 0 nothing in common, and −1 the "
    "opposite.",
    "methods.gap": "Some methods share the score out among the pixels, as against a plain "
    "{colour} picture or among the layers' inputs: under their maps stands the gap by which the "
    "sum of the map misses what it should share out.",
    "methods.row": "{name}: {words}; {low} to {high}",
    "methods.gap.label": "gap {gap}",
    "gap.little": "< 0.1%",
    "gap.share": "{gap:.1%}",
    "gap.all": "> 100%",
    "counts": "no|One|Two|Three|Four|Five|Six|Seven|Eight|Nine",
    "methods.failed": "{name} is not shown: {reason}",
    "methods.picture": "the picture",
    "contrast.title": "Why {answer} and not {true}: the {place} of the first picture tips it",
    "contrast.title.plain": "Why the wrong answer and not the right one",
    "contrast.caption": "The mistakes that it was surest of, and the question why it gave this "
    "answer and not the right one. Red places speak for the wrong answer more than for the right "
    "one, blue places for the right one more; white ones for both alike. What is explained is the "
    "lead of the wrong answer's score over the right one's, as against a plain {colour} picture. "
    "All maps share one scale. Under each: the lead, and the gap by which the sum of the map "
    "misses what it should share out.",
    "contrast.rows": "the picture|why this and not that",
    "contrast.label": "the {place} speaks most for {answer}; lead {lead}, gap {gap}",
    "why.conclude": "A map shows what this answer hangs on, not what is true of the thing in the "
    "picture; how far each kind of map can be believed stands in the table of this chapter.",
    "rule.plain": "plain",
    "rule.guided": "guided",
    "rule.rectified": "rectified",
    "rule.row": "{rule}, 0 to {top:.2g}",
    "contrast.label.plain": "lead {lead}, gap {gap}",
}

ZH: dict[str, str] = {
    "why": "它为何这样判断",
    "why.lead": "这里可以看到一个答案取决于图片的哪些部分，由几种方法得出；方法一致之处，比其中任"
    "何一种单独得出的更可信。",
    "why.plain": "该网络的输出不代表类别，因此这里没有判断可以解释。它的各部分在寻找什么，见前面的"
    "章节。",
    "cover.title": "这个 {true} 的{place}最重要：遮住它，得分从 {score} 降到 {after}",
    "cover.title.plain": "遮住图片的哪一部分使答案损失最大",
    "cover.caption": "用一个 {patch}×{patch} 像素的{colour}方块依次遮住图片的每个位置（共 "
    "{places} 处），每个像素显示覆盖它的方块平均使得分损失多少。红色：遮住此处会降低该类别的得分；"
    "蓝色：会升高；白色：没有影响。所有热力图共用同一标度。",
    "colours": "黑色|深灰色|灰色|浅灰色|白色",
    "cover.background": "方块与纸的颜色相同，因此它只是抹去，而没有画上新的东西。",
    "guide.title": "遮住{place}后，这个 {true} 变成了 {answer}",
    "guide.title.firm": "即使遮住很大一部分，所有回答也保持不变",
    "guide.title.plain": "遮住很大一部分时网络的回答",
    "guide.caption": "这里用一个 {patch}×{patch} 像素的灰色大方块以 {stride} 像素的步长在图片上移"
    "动（共 {places} 处）。第一行：图片。第二行：方块中心位于此处时，网络对其回答还有多大把握（亮"
    "：有把握，暗：已丧失）。第三行：此时它的回答，每个类别一种颜色。其下：每种回答出现的次数。",
    "guide.others": "其他：{count}",
    "guide.rows": "图片|仍有的把握|它的回答",
    "saliency.title": "得分取决于哪些像素：三种读法",
    "saliency.title.one": "得分取决于哪些像素",
    "saliency.one": "“引导”和“整流”两种读法给出完全相同的图：网络中没有 ReLU。",
    "saliency.caption": "亮的像素是指稍加改变就会最明显地影响该类别得分的像素。“原始”是精确的斜率"
    "；“引导”和“整流”只让其中一部分通过，看起来更整洁，但跟随的是图片本身的边缘，因此请相信原始的"
    "那种。同一行的显著图共用同一标度。",
    "cam.title": "哪些区域支持各个类别：三种读法",
    "cam.title.one": "哪些区域支持各个类别",
    "cam.one": "“引导”和“整流”两种读法给出完全相同的图：{node} 与回答之间没有 ReLU。",
    "cam.caption": "Grad-CAM：把 {node} 的特征图相加，每个按其对该类别的贡献加权。越亮，表示该区域"
    "越支持该类别。它比逐像素的图粗糙，但更接近网络真正组合的内容。同一行的热力图共用同一标度。",
    "todo.coverage": "对 {name} 而言，答案取决于很小的一块：遮住 {patch}×{patch} 像素就会损失 "
    "{share:.0%} 的得分。训练时遮住图片的一部分，可以降低这种脆弱性。",
    "todo.trust": "在依赖一张热力图之前，请与原始梯度图比较：引导和整流的图也会跟随网络并未使用的"
    "边缘。",
    "warning.same": "{name} 的 {rule} 图无论针对哪个类别都一样：它显示的是图片，而不是理由。",
    "methods.title": "{n}种方法回答同一个问题：{a} 与 {b} 最一致，{c} 与 {d} 最不一致",
    "methods.title.plain": "几种方法回答同一个问题",
    "methods.caption": "每一行用另一种方法对同样的图片说明：哪些支持该答案（红色），哪些反对（蓝色"
    "）；白色与之无关。各方法的单位不同，因此每行有自己的标度，写在旁边。{agreement}",
    "methods.agreement": "一致程度是两张图的相关系数：{a} 与 {b} 为 {high:.2f}，{c} 与 {d} 为 "
    "{low:.2f}；1 表示两图相同，0 表示毫无共同之处，−1 表示相反。",
    "methods.gap": "有些方法把得分分摊到各个像素，以纯{colour}图片为参照，或在各层输入之间分摊：其"
    "图下方写明图的总和与应分摊的量之间的差距。",
    "methods.row": "{name}：{words}；{low} 至 {high}",
    "methods.gap.label": "差距 {gap}",
    "gap.little": "< 0.1%",
    "gap.share": "{gap:.1%}",
    "gap.all": "> 100%",
    "counts": "零|一|两|三|四|五|六|七|八|九",
    "methods.failed": "未显示 {name}：{reason}",
    "methods.picture": "图片",
    "contrast.title": "为什么是 {answer} 而不是 {true}：第一张图片的{place}起了决定作用",
    "contrast.title.plain": "为什么是错误的答案而不是正确的答案",
    "contrast.caption": "它最有把握的错误，以及为何给出这个答案而不是正确答案。红色之处更支持错误"
    "答案，蓝色之处更支持正确答案，白色之处对两者相同。这里解释的是错误答案的得分领先正确答案多少"
    "，以纯{colour}图片为参照。所有热力图共用同一标度。每张图下方：领先的分数，以及图的总和与应分"
    "摊的量之间的差距。",
    "contrast.rows": "图片|为什么是它而不是另一个",
    "contrast.label": "{place}最支持 {answer}；领先 {lead}，差距 {gap}",
    "why.conclude": "热力图说明这个答案取决于什么，而不说明图中事物的真相；每种图可信到什么程度，"
    "见本章的表格。",
    "rule.plain": "原始",
    "rule.guided": "引导",
    "rule.rectified": "整流",
    "rule.row": "{rule}，0 至 {top:.2g}",
    "contrast.label.plain": "领先 {lead}，差距 {gap}",
}
