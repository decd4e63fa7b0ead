"""The words at the top of the page: what the model is for, how good it is, what it is weak at."""

from __future__ import annotations

EN: dict[str, str] = {
    "purpose": "It looks at a picture of {rows}×{cols} pixels and decides which of {classes} "
    "classes it shows: {names}.",
    "purpose.plain": "It looks at a picture of {rows}×{cols} pixels and gives {outputs} number(s).",
    "fact.accuracy": "right on {n:,} pictures (between {low:.1%} and {high:.1%} with 95 % "
    "confidence)",
    "fact.params": "numbers learnt in training",
    "fact.input": "size of a picture: rows × cols × channels",
    "fact.sure": "of the pictures: sure (95 % or more) and right",
    "finding.pair": "It mixes up {a} and {b} most: {count} of {n:,} pictures.",
    "finding.wrong": "It was {sure:.1%} sure that this {true} is a {answer}, and wrong.",
    "finding.none": "It made no mistake on these {n:,} pictures; the least sure of its answers "
    "was this {true}, at {sure:.1%}.",
    "finding.part": "Of this {true}, the {place} matters most: covered there, the score for "
    "{true} falls from {before} to {after}.",
}

ZH: dict[str, str] = {
    "purpose": "它查看一张 {rows}×{cols} 像素的图片，判断图中是 {classes} 个类别中的哪一个："
    "{names}。",
    "purpose.plain": "它查看一张 {rows}×{cols} 像素的图片，给出 {outputs} 个数值。",
    "fact.accuracy": "在 {n:,} 张图片上的正确率（95 % 置信区间为 {low:.1%} 至 {high:.1%}）",
    "fact.params": "个由训练学得的参数",
    "fact.input": "图片尺寸：行 × 列 × 通道",
    "fact.sure": "的图片：既有把握（概率不低于 95 %）又答对",
    "finding.pair": "最常混淆的是 {a} 和 {b}：{n:,} 张图片中有 {count} 张。",
    "finding.wrong": "它以 {sure:.1%} 的把握把这个 {true} 认作 {answer}，结果错了。",
    "finding.none": "在这 {n:,} 张图片上它没有出错；最没有把握的是这个 {true}，概率为 {sure:.1%}。",
    "finding.part": "对这个 {true} 来说，{place}最重要：遮住那里，{true} 的得分从 {before} 降到 "
    "{after}。",
}
