"""The words of chapter two: what to adjust."""

from __future__ import annotations

EN: dict[str, str] = {
    "adjust": "What to adjust",
    "adjust.lead": "Here you see how the training went and whether all parts of the network do "
    "their work, which tells whether more training, less of it, or a smaller network would help.",
    "adjust.lead.plain": "How the training went is not known, as the model file does not say it; "
    "here you see whether all parts of the network do their work, and so whether a smaller one "
    "would do.",
    "curves.title.level": "Training had levelled off: the last {k} of {n} epochs changed the "
    "held-out accuracy by no more than {change:.2f} percentage points",
    "curves.title.rising": "Held-out accuracy was still rising when training stopped after {n} "
    "epochs",
    "curves.title.falling": "Held-out accuracy was best after epoch {best} of {n} and fell "
    "afterwards",
    "curves.title.plain": "Accuracy over {n} epochs of training",
    "curves.caption": "The accuracy after each round through the training pictures, on those "
    "pictures themselves.",
    "curves.caption.held_out": "The accuracy after each round through the training pictures: on "
    "the pictures it learnt from, and on held-out pictures that it never learnt from. A first "
    "curve far above the second would mean that it learns by heart.",
    "curves.caption.below": " While it learns, {what}; so the first curve can lie below the "
    "second.",
    "curves.dropout": "part of the network is switched off at random",
    "curves.augment": "the pictures are changed a little each time",
    "weights.title": "How large the learnt numbers of each layer are",
    "weights.caption": "One histogram for each layer with weights. A healthy layer has a hill "
    "around zero; a single needle at zero would mean that it has learnt nothing, heaps at both "
    "ends that it has run away.",
    "answers.zeros": "{share:.0%} in {node}",
    "todo.dead": "The dead channels ({where}) can be removed without changing any of these "
    "answers.",
    "todo.heavy": "If the network must become smaller, begin with {node}: it holds {share:.0%} of "
    "all learnt numbers.",
    "todo.overfit": "It is {gap:.1%} better on what it learnt from than on held-out pictures: "
    "more pictures, more dropout or weight decay would help.",
    "todo.longer": "Train longer: the held-out accuracy was still rising at the end.",
    "answers.zeros.many": "between {low:.0%} (in {a}) and {high:.0%} (in {b})",
    "spare.title": "{n} of {of} channels do no work of their own: {kinds}",
    "spare.title.one": "One of {of} channels does no work of its own: {kinds}",
    "spare.title.none": "Each of {of} channels does work of its own: none is dead, a copy, or "
    "stuck",
    "spare.kind.dead": "{n} never change their answer",
    "spare.kind.duplicate": "{n} copy another",
    "spare.kind.saturated": "{n} are stuck",
    "spare.kind.dead.one": "1 never changes its answer",
    "spare.kind.duplicate.one": "1 copies another",
    "spare.kind.saturated.one": "1 is stuck",
    "spare.head": "what was looked for|found|which, and what shows it",
    "spare.dead": "always the same answer (dead)",
    "spare.duplicate": "copy of another (duplicate)",
    "spare.saturated": "stuck at an end of its curve (saturated)",
    "spare.which": "{node} {channels}: {evidence}",
    "spare.more": "and {count} more",
    "spare.none": "–",
    "spare.caption": "All {pictures:,} pictures were shown to the network, and the weights of "
    "every channel were compared with those of the others of its layer. A dead channel tells "
    "nothing of these pictures; a copy tells what another one tells already; a stuck one answers "
    "nearly the same to most of them, and can hardly learn any more. Whether other pictures would "
    "wake them, nobody knows.",
    "answers.caption": "The charts: how strongly the channels of each layer answer, over all "
    "pictures (the scale of the percentages is logarithmic). Exact zeros, where a channel found "
    "nothing, are left out; their share is {zeros}.",
    "todo.copies": "The copies ({where}) can each be joined with the channel that they copy: add "
    "up the weights that read them.",
    "todo.stuck": "Channels are stuck at the ends of their curves ({where}): a smaller learning "
    "rate, a normalization before them or smaller initial weights would free them.",
    "adjust.conclude": "It shows what did not work in training; that a part is busy does not mean "
    "that it is needed.",
    "todo.adjust.nothing": "Nothing to do: no channel is idle, and no layer holds more than half "
    "of all learnt numbers.",
}

ZH: dict[str, str] = {
    "adjust": "该调整什么",
    "adjust.lead": "这里可以看到训练的过程，以及网络的各部分是否都在起作用，也就是延长训练、缩短训"
    "练或缩小网络会不会有帮助。",
    "adjust.lead.plain": "这里可以看到网络的各部分是否都在起作用，也就是缩小网络是否可行；模型文件"
    "没有记录训练过程，因此训练情况不得而知。",
    "curves.title.level": "训练已趋于平稳：{n} 轮中的最后 {k} 轮，留出集准确率的变化不超过 "
    "{change:.2f} 个百分点",
    "curves.title.rising": "训练在 {n} 轮后停止时，留出集准确率仍在上升",
    "curves.title.falling": "留出集准确率在 {n} 轮中的第 {best} 轮达到最高，此后下降",
    "curves.title.plain": "{n} 轮训练中的准确率",
    "curves.caption": "每轮训练结束后，在训练图片本身上的准确率。图中：accuracy 准确率，epoch 轮。",
    "curves.caption.held_out": "每轮训练结束后的准确率：一条曲线来自它学习过的图片，另一条来自它从"
    "未学习过的留出图片。若前者远高于后者，说明它是在死记硬背。"
    "图中：accuracy 准确率，epoch 轮，learnt from 学习过的，held out 留出的。",
    "curves.caption.below": "学习时{what}，因此第一条曲线可能低于第二条。",
    "curves.dropout": "网络的一部分会被随机关闭",
    "curves.augment": "图片每次都会有少许改动",
    "weights.title": "每一层所学参数的大小",
    "weights.caption": "每个有权重的层各有一张直方图。健康的层在零附近呈小山状；若只在零处有一根尖"
    "针，说明什么也没学到；若两端堆积，说明参数已经失控。"
    "图中：weight 参数值，% of values 所占百分比。",
    "answers.zeros": "{node} 为 {share:.0%}",
    "todo.dead": "失活的通道（{where}）可以删除，这里的回答一个也不会改变。",
    "todo.heavy": "若要缩小网络，请从 {node} 入手：它占全部所学参数的 {share:.0%}。",
    "todo.overfit": "它在学习过的图片上比在留出图片上好 {gap:.1%}：增加图片、加大 dropout 或使用权"
    "重衰减会有帮助。",
    "todo.longer": "延长训练：结束时留出集准确率仍在上升。",
    "answers.zeros.many": "介于 {low:.0%}（{a}）与 {high:.0%}（{b}）之间",
    "spare.title": "{of} 个通道中有 {n} 个没有独立的作用：{kinds}",
    "spare.title.one": "{of} 个通道中有一个没有独立的作用：{kinds}",
    "spare.title.none": "{of} 个通道各有作用：没有失活、重复或饱和的通道",
    "spare.kind.dead": "{n} 个从不改变响应",
    "spare.kind.duplicate": "{n} 个与另一个重复",
    "spare.kind.saturated": "{n} 个已饱和",
    "spare.kind.dead.one": "1 个从不改变响应",
    "spare.kind.duplicate.one": "1 个与另一个重复",
    "spare.kind.saturated.one": "1 个已饱和",
    "spare.head": "检查的内容|发现|是哪些，有何依据",
    "spare.dead": "响应始终相同（失活）",
    "spare.duplicate": "与另一个相同（重复）",
    "spare.saturated": "停在曲线的一端（饱和）",
    "spare.which": "{node} {channels}：{evidence}",
    "spare.more": "以及另外 {count} 项",
    "spare.none": "–",
    "spare.caption": "向网络展示了全部 {pictures:,} 张图片，并将每个通道的权重与同层其他通道的权重"
    "作了比较。失活的通道对这些图片什么也没有说明；重复的通道只说出另一个已经说过的内容；饱和的通"
    "道对大多数图片的响应几乎相同，也很难再学习。其他图片能否唤醒它们，无人知晓。",
    "answers.caption": "图表：每一层的通道对全部图片的响应强度（百分比为对数标度）。通道什么也没找"
    "到时的零值不计在内；其比例为：{zeros}。"
    "图中：activation 响应，% of values 所占百分比。",
    "todo.copies": "重复的通道（{where}）可以与它们所重复的通道合并：把读取它们的权重相加即可。",
    "todo.stuck": "有通道停在其曲线的两端（{where}）：减小学习率、在其前加归一化，或减小初始权重，"
    "可使其恢复。",
    "adjust.conclude": "它说明训练中哪些没有奏效；某一部分很活跃，并不意味着它不可缺少。",
    "todo.adjust.nothing": "无需改动：没有闲置的通道，也没有哪一层占全部参数的一半以上。",
}
