"""The words at the top of the page: what the model is for, how good it is, what it is weak at."""

from __future__ import annotations

EN: dict[str, str] = {
    "purpose": "It looks at a picture of {rows}×{cols} pixels and decides which of {classes} "
    "classes it shows: {names}.",
    "purpose.plain": "It looks at a picture of {rows}×{cols} pixels and gives {outputs} number(s).",
    "fact.accuracy": "of {n:,} pictures answered rightly",
    "fact.params": "numbers learnt in training",
    "fact.input": "size of a picture: rows × cols × channels",
    "fact.sure": "of the pictures: sure (95% or more) and right",
    "finding.pair": "It mixes up {a} and {b} most: {count} of {n:,} pictures.",
    "finding.wrong": "It was {sure:.1%} sure that this {true} is a {answer}, and wrong.",
    "finding.none": "It made no mistake on these {n:,} pictures; the least sure of its answers "
    "was this {true}, at {sure:.1%}.",
    "finding.part": "Of this {true}, the {place} matters most: covered there, the score for "
    "{true} falls from {before} to {after}.",
    "verdict.unlabelled": "How often it is right nobody can say: the {n:,} pictures ({data}) came "
    "without labels.",
    "verdict.plain": "Its output means no classes, so no answer to the {n:,} pictures ({data}) is "
    "right or wrong here.",
    "verdict.weak": "Where it is weakest",
    "verdict.weak.unsure": "Where it is least sure",
    "verdict.believe": "How far its explanations can be trusted",
    "verdict.trust": "{good} of {of} kinds of heat maps can be believed here: they beat maps that "
    "know nothing of the network, and change when the network is destroyed. The best is {best}: "
    "take the {share:.0%} of the pixels away that it shows brightest, and the probability falls "
    "from {before:.2f} to {after:.2f} on average over {n} pictures; with random maps, to "
    "{random:.2f}.",
    "verdict.trust.none": "Believe none of its heat maps without a second look: over {n} pictures "
    "none of {of} kinds is surely better than maps that know nothing of the network and also "
    "changes when the network is destroyed.",
    "verdict.trust.unknown": "How far its heat maps can be believed could not be measured on "
    "these pictures.",
    "weak.recall": "It overlooks {name} most often: it recognizes {right} of {of}; this one it "
    "took for {answer}.",
    "weak.unsure": "Here it is hardly sure of its answer: {answer}, with a probability of "
    "{sure:.1%}.",
    "weak.unsure.right": "Right, but hardly sure: this {answer}, with a probability of {sure:.1%}.",
    "verdict.table": "The table of all methods",
    "verdict.good": "Measured on {data}. Of all pictures like these it would answer between "
    "{low:.1%} and {high:.1%} rightly, with 95% confidence.",
}

ZH: dict[str, str] = {
    "purpose": "它查看一张 {rows}×{cols} 像素的图片，判断图中是 {classes} 个类别中的哪一个："
    "{names}。",
    "purpose.plain": "它查看一张 {rows}×{cols} 像素的图片，给出 {outputs} 个数值。",
    "fact.accuracy": "正确率（{n:,} 张图片）",
    "fact.params": "由训练学得的参数个数",
    "fact.input": "图片尺寸：行 × 列 × 通道",
    "fact.sure": "既有把握（概率不低于 95%）又答对的图片",
    "finding.pair": "最常混淆的是 {a} 和 {b}：{n:,} 张图片中有 {count} 张。",
    "finding.wrong": "它以 {sure:.1%} 的把握把这个 {true} 认作 {answer}，结果错了。",
    "finding.none": "在这 {n:,} 张图片上它没有出错；最没有把握的是这个 {true}，概率为 {sure:.1%}。",
    "finding.part": "对这个 {true} 来说，{place}最重要：遮住那里，{true} 的得分从 {before} 降到 "
    "{after}。",
    "verdict.unlabelled": "无法说明它的正确率：这 {n:,} 张图片（{data}）没有标签。",
    "verdict.plain": "它的输出不代表类别，因此对这 {n:,} 张图片（{data}）的回答在此无所谓对错。",
    "verdict.weak": "它最薄弱的地方",
    "verdict.weak.unsure": "它最没有把握的地方",
    "verdict.believe": "它的解释可信到什么程度",
    "verdict.trust": "{of} 种热力图中有 {good} 种在这里可信：它们优于对网络一无所知的图，并且在网"
    "络被破坏时随之改变。最好的是{best}：去掉它显示最亮的 {share:.0%} 像素，{n} 张图片的概率平均从"
    " {before:.2f} 降到 {after:.2f}；用随机图则降到 {random:.2f}。",
    "verdict.trust.none": "未经复查，请不要相信它的任何热力图：在 {n} 张图片上，{of} 种热力图中没"
    "有一种既能确定优于对网络一无所知的图，又在网络被破坏时随之改变。",
    "verdict.trust.unknown": "在这些图片上无法测量它的热力图可信到什么程度。",
    "weak.recall": "它最常漏认的是 {name}：{of} 张中认出 {right} 张；这一张被当成了 {answer}。",
    "weak.unsure": "对这张图片它几乎没有把握：回答是 {answer}，概率为 {sure:.1%}。",
    "weak.unsure.right": "答对了，但没有多少把握：这个 {answer}，概率为 {sure:.1%}。",
    "verdict.table": "全部方法的表格",
    "verdict.good": "测量所用的数据：{data}。对所有同类图片，其正确率以 95% 的置信度在 {low:.1%} "
    "至 {high:.1%} 之间。",
}
