"""The words of chapter three: where the model fails."""

from __future__ import annotations

EN: dict[str, str] = {
    "fails": "Where it fails",
    "fails.lead": "Here you see which classes are taken for which and the mistakes that the "
    "network was surest of, which tells which pictures you should not trust it with.",
    "fails.unlabelled": "The pictures came without labels, so nobody can say here which answers "
    "are wrong; look for yourself. Pictures in a folder for each class would tell more.",
    "fails.plain": "This network's output means no classes, so no answer of it can be right or "
    "wrong here. Where values are known that it should give, they must be compared in another way.",
    "confusion.title": "{a} and {b} are mixed up most: {count} of {wrong} mistakes",
    "confusion.title.none": "No mistakes on these {n:,} pictures",
    "confusion.title.spread": "{wrong} mistakes, no pair of classes more than once",
    "confusion.caption": "Rows are the true classes, columns the network's answers; each number "
    "counts pictures. The diagonal holds the right answers and is left plain; the darker a cell "
    "beside it, the more often that mistake was made.",
    "perclass.title": "{best} is read best ({high:.0%}), {worst} worst ({low:.0%})",
    "perclass.title.many": "{count} classes are read without a mistake; {worst} is read worst "
    "({low:.0%})",
    "perclass.title.same": "All classes are read equally well ({high:.0%})",
    "perclass.caption": "For each class: how many of its pictures were recognized (recall), how "
    "many of the answers with this class hold (precision), and what its other pictures were "
    "mostly taken for. The lines in the chart are the range in which the true share lies with 95 "
    "% confidence.",
    "perclass.head": "class|right|recall|precision|mostly taken for",
    "perclass.right": "{right} of {of}",
    "mistakes.title": "The {n} mistakes that it was surest of, and what misled it",
    "mistakes.title.one": "Its only mistake, and what misled it",
    "mistakes.title.unsure": "The {n} mistakes that it was least sure of",
    "mistakes.title.unsure.one": "The mistake that it was least sure of",
    "mistakes.caption": "Above each picture: the truth → the answer, and how sure it was of it. "
    "First row: the picture. Second: what misled it; covering a red place ({patch}×{patch} "
    "pixels) lowers the score of its wrong answer. Third: what spoke for the truth; covering a "
    "red place lowers the score of the right class. Blue places raise the score when covered. All "
    "maps share one scale.",
    "mistakes.rows": "the picture|for the answer it gave|for the truth",
    "mistakes.head": "{true} → {answer} {sure:.1%}",
    "calibration.title.right": "How sure it says it is fits how often it is right: {sure:.1%} and "
    "{right:.1%} on average",
    "calibration.title.few": "Too few pictures to tell whether it is as often right as it says: "
    "{sure:.1%} sure and {right:.1%} right on average",
    "calibration.title.over": "It claims too much: on average it says it is {sure:.1%} sure, and "
    "is right in {right:.1%}",
    "calibration.title.under": "It is better than it says: on average it says it is {sure:.1%} "
    "sure, and is right in {right:.1%}",
    "calibration.caption": "Answers are put together by how sure the network was of them. A point "
    "says which share of such answers is right, its line the range in which the true share lies "
    "with 95% confidence; on the dashed line both would be the same, below it the network claims "
    "too much. Below: how many answers there are. On average over all answers the distance from "
    "the dashed line is {ece:.1%} (expected calibration error).",
    "flips.title": "A small change of the picture turns {chance:.1%} of the right answers wrong, "
    "one that is chosen against the network {chosen:.1%}",
    "flips.title.none": "No small change turns any of {of} right answers wrong",
    "flips.caption": "Each of {n} rightly answered pictures was changed a little, in one way at a "
    "time, so little that a person would not answer otherwise. The gradient step is not met by "
    "chance: it moves each pixel in the direction that hurts the right answer most, about as far "
    "as the noise does. The last column is the range in which the true share lies with 95% "
    "confidence.",
    "flips.caption.pictures": "The pictures are those that turn most easily: above as they are, "
    "below after one of the changes that turn them, each with the answer and how sure the network "
    "was of it.",
    "flips.head": "change|turn wrong|share|range",
    "flips.total": "at least one of them",
    "flips.rows": "the picture as it is|changed",
    "change.shift_down": "moved {n:g} pixels down",
    "change.shift_down.one": "moved {n:g} pixel down",
    "change.shift_down.less": "moved {n:g} pixels up",
    "change.shift_down.less.one": "moved {n:g} pixel up",
    "change.shift_right": "moved {n:g} pixels to the right",
    "change.shift_right.one": "moved {n:g} pixel to the right",
    "change.shift_right.less": "moved {n:g} pixels to the left",
    "change.shift_right.less.one": "moved {n:g} pixel to the left",
    "change.rotate": "turned {n:g}° clockwise",
    "change.rotate.less": "turned {n:g}° anticlockwise",
    "change.brightness": "brighter by {n:.0%}",
    "change.brightness.less": "darker by {n:.0%}",
    "change.contrast": "contrast × {n:g}",
    "change.noise": "noise of {n:.0%}",
    "change.gradient": "gradient step of {n:.0%}",
    "todo.calibration": "Do not take its probabilities at their word: it claims {sure:.1%} and is "
    "right in {right:.1%}. Dividing the scores by a number fitted on held-out pictures "
    "(temperature scaling) mends that and changes no answer.",
    "todo.pair": "Collect or draw more pictures of {a} and {b} that resemble each other: they "
    "make up {share:.0%} of the mistakes.",
    "todo.threshold": "Let a person look at answers below {level:.1%}: that catches {caught} of "
    "the {wrong} mistakes for {asked:.1%} of the pictures.",
    "confusion.part": "Shown are {shown} of {of} classes, those mixed up most; their numbers "
    "stand at the sides.",
    "answers.top.title": "It is surest of this {best} ({high:.1%}) and least sure of this {worst} "
    "({low:.1%})",
    "answers.top.title.one": "It takes this picture for a {best} ({high:.1%})",
    "answers.top.caption": "Under each picture the {n} classes that the network finds likeliest, "
    "and how likely. It knows no other classes, and cannot say that none of them is there.",
    "answers.top.line": "{share:.1%} {name}",
    "answers.top.truth": "truth: {true}",
    "fails.conclude": "The shares hold for pictures like these, within the ranges given, and for "
    "no others.",
    "todo.fails.nothing": "Nothing to do on these pictures: no two classes are mixed up more than "
    "once, and it does not claim to be surer than it is right.",
    "todo.fails.label": "Label a few of the pictures: put them into a folder for each class, and "
    "this chapter says which answers are wrong.",
}

ZH: dict[str, str] = {
    "fails": "它在哪里出错",
    "fails.lead": "这里可以看到哪些类别被当成了哪些类别，以及网络最有把握的错误，也就是哪些图片不"
    "应交给它判断。",
    "fails.unlabelled": "这些图片没有标签，因此这里无法说明哪些回答是错的，只能请你自己查看。若按"
    "类别把图片分放在各自的文件夹中，就能得到更多结论。",
    "fails.plain": "该网络的输出不代表类别，因此这里的回答无所谓对错。若另有期望的输出值，需要用其"
    "他方式比较。",
    "confusion.title": "{a} 和 {b} 最常混淆：{wrong} 个错误中占 {count} 个",
    "confusion.title.none": "在这 {n:,} 张图片上没有错误",
    "confusion.title.spread": "共 {wrong} 个错误，没有哪一对类别混淆超过一次",
    "confusion.caption": "行是真实类别，列是网络的回答，数字是图片张数。对角线上是正确的回答，不着"
    "色；其余格子颜色越深，该错误出现得越多。",
    "perclass.title": "{best} 识别得最好（{high:.0%}），{worst} 最差（{low:.0%}）",
    "perclass.title.many": "{count} 个类别无一出错；{worst} 识别得最差（{low:.0%}）",
    "perclass.title.same": "所有类别识别得一样好（{high:.0%}）",
    "perclass.caption": "对每个类别：它的图片有多少被认出（召回率），给出该类别的回答有多少成立（"
    "精确率），以及它的其余图片多半被当成了什么。图中的横线是真实比例以 95% 置信度所处的范围。"
    "图中：class 类别，recall 召回率，precision 精确率。",
    "perclass.head": "类别|正确|召回率|精确率|多半被当成",
    "perclass.right": "{right} / {of}",
    "mistakes.title": "它最有把握的 {n} 个错误，以及误导它的地方",
    "mistakes.title.one": "它唯一的错误，以及误导它的地方",
    "mistakes.title.unsure": "它最没有把握的 {n} 个错误",
    "mistakes.title.unsure.one": "它最没有把握的那个错误",
    "mistakes.caption": "每张图片上方：真实类别 → 回答，以及它有多大把握。第一行：图片。第二行：误"
    "导它的地方；遮住红色之处（{patch}×{patch} 像素）会降低错误答案的得分。第三行：支持真实类别的"
    "地方；遮住红色之处会降低正确类别的得分。遮住蓝色之处则使得分升高。所有热力图共用同一标度。",
    "mistakes.rows": "图片|支持它给出的答案|支持真实类别",
    "mistakes.head": "{true} → {answer} {sure:.1%}",
    "calibration.title.right": "它自称的把握与实际正确率相符：平均为 {sure:.1%} 与 {right:.1%}",
    "calibration.title.few": "图片太少，无法判断它自称的把握是否属实：平均自称 "
    "{sure:.1%}，正确率为 {right:.1%}",
    "calibration.title.over": "它过于自信：平均自称有 {sure:.1%} 的把握，实际正确率为 {right:.1%}",
    "calibration.title.under": "它比自称的更好：平均自称有 {sure:.1%} 的把握，实际正确率为 "
    "{right:.1%}",
    "calibration.caption": "按网络自称的把握把回答分组。每个点表示该组回答中正确的比例，竖线是真实"
    "比例以 95% 置信度所处的范围；在虚线上两者相等，在虚线以下则网络过于自信。下方：各组有多少个"
    "回答。全部回答与虚线的平均距离为 {ece:.1%}（期望校准误差）。"
    "图中：answers that are right 正确的回答，how sure the network says it is 自称的把握，answers "
    "回答数。",
    "flips.title": "图片的微小改动使 {chance:.1%} 的正确回答变错，专门针对网络选取的改动则使 "
    "{chosen:.1%} 变错",
    "flips.title.none": "{of} 个正确回答中，没有一个因微小改动而变错",
    "flips.caption": "对 {n} 张回答正确的图片各做一次微小改动，每次只改一种方式，幅度小到人不会因"
    "此改变判断。梯度步不会偶然发生：它使每个像素朝最不利于正确答案的方向移动，幅度与噪声相近。最"
    "后一列是真实比例以 95% 置信度所处的范围。",
    "flips.caption.pictures": "图中是最容易变错的图片：上面是原样，下面是经其中一种改动之后，各附"
    "网络的回答及其把握。",
    "flips.head": "改动|变错|比例|范围",
    "flips.total": "至少其中一种",
    "flips.rows": "原图|改动后",
    "change.shift_down": "下移 {n:g} 像素",
    "change.shift_down.one": "下移 {n:g} 像素",
    "change.shift_down.less": "上移 {n:g} 像素",
    "change.shift_down.less.one": "上移 {n:g} 像素",
    "change.shift_right": "右移 {n:g} 像素",
    "change.shift_right.one": "右移 {n:g} 像素",
    "change.shift_right.less": "左移 {n:g} 像素",
    "change.shift_right.less.one": "左移 {n:g} 像素",
    "change.rotate": "顺时针旋转 {n:g}°",
    "change.rotate.less": "逆时针旋转 {n:g}°",
    "change.brightness": "变亮 {n:.0%}",
    "change.brightness.less": "变暗 {n:.0%}",
    "change.contrast": "对比度 × {n:g}",
    "change.noise": "{n:.0%} 的噪声",
    "change.gradient": "{n:.0%} 的梯度步",
    "todo.calibration": "不要直接相信它给出的概率：它自称 {sure:.1%}，实际正确率为 {right:.1%}。将"
    "得分除以一个在留出图片上拟合的数（温度缩放）即可修正，且不改变任何回答。",
    "todo.pair": "收集或绘制更多彼此相像的 {a} 和 {b} 的图片：它们占全部错误的 {share:.0%}。",
    "todo.threshold": "概率低于 {level:.1%} 的回答请人工复核：只需查看 {asked:.1%} 的图片，就能发"
    "现 {wrong} 个错误中的 {caught} 个。",
    "confusion.part": "显示的是 {of} 个类别中最常混淆的 {shown} 个；两侧是它们的编号。",
    "answers.top.title": "它对这个 {best} 最有把握（{high:.1%}），对这个 {worst} 最没有把握（"
    "{low:.1%}）",
    "answers.top.title.one": "它把这张图片认作 {best}（{high:.1%}）",
    "answers.top.caption": "每张图片下方是网络认为最可能的 {n} 个类别及其概率。它不知道其他类别，"
    "也无法表示图中一个都没有。",
    "answers.top.line": "{share:.1%} {name}",
    "answers.top.truth": "真实类别：{true}",
    "fails.conclude": "这些比例只适用于与此类似的图片，并且只在所给的范围内成立。",
    "todo.fails.nothing": "对这些图片无需改动：没有哪两个类别混淆超过一次，它自称的把握也不高于实"
    "际正确率。",
    "todo.fails.label": "给一部分图片加上标签：按类别放入各自的文件夹，本章就能说明哪些回答是错的"
    "。",
}
