"""The small print under the figures: methods, settings, warnings of the maps."""

from __future__ import annotations

EN: dict[str, str] = {
    "how.structure": "summary and diagram",
    "how.weights_of": "weights of {node}",
    "how.output_of": "output of {node} for picture {i}",
    "how.ideal": "activation maximization of the scores before the softmax",
    "how.patches": "weights of {node}, and the patches that excite its channels most",
    "how.channels": "activation maximization of the neurons at {at} of {node}, cut to their "
    "receptive field; the patches of the pictures that excite each channel most, at any place",
    "how.recorded": "recorded while training",
    "how.batches": "{optimizer}, batches of {batch}",
    "how.weights": "distribution of the weights",
    "how.spare": "answers that never change, kernels that are multiples of another (cosine of at "
    "least 0.999), and answers of which 95% lie where the activation is flat",
    "how.confusion": "answers to {n:,} labelled pictures",
    "how.perclass": "recall and precision of each class, with Wilson's intervals",
    "how.mistakes": "occlusion of the scores of the answer and of the true class",
    "how.calibration": "expected calibration error over {bins} equal parts",
    "how.flips": "each small change by itself",
    "how.flips.paper": "the gradient step: Goodfellow et al. 2015, arXiv:1412.6572",
    "how.sizes": "range, mean and standard deviation over {pictures:,} pictures",
    "how.embedding": "principal components of the outputs of {node}",
    "how.embedding.n": "{n:,} pictures",
    "how.cover": "occlusion of the score before the softmax",
    "how.guide": "occlusion, probability and answer at each place",
    "how.saliency": "size of the gradient, rules plain, guided and rectified",
    "how.cam": "Grad-CAM at {node}, rules plain, guided and rectified",
    "how.contrast": "{method} of the difference of two scores",
    "how.trust": "insertion minus deletion; controls; cascading randomization of all layers",
    "how.answers": "the classes of the largest probabilities",
    "warn.nan": "{a} of {b} values are NaN or infinite",
    "warn.broken": "the network's output for it is NaN or infinite, so that nothing can explain "
    "it: its weights are broken or too large, or its pictures are not prepared as it wants them",
    "warn.beyond": "the output is finite, but numbers on the way back go beyond their range; try "
    "model.astype(np.float64), or another method",
    "warn.zero": "the map is zero everywhere",
    "warn.flat": "the map has the same value everywhere",
    "warn.single": "all of the map lies in a single cell",
    "warn.occlusion": "covering changes nothing, perhaps because the fill is what the picture "
    "already shows there; try another fill or a larger patch",
    "warn.gradient": "no ReLU is open on any way from the picture to the target, or the target "
    "does not depend on the picture; try rule='plain' or another class",
    "warn.deep_lift": "the target does not change on the way from the baseline to the picture, or "
    "the changes cancel at every pixel; try another baseline or another class",
    "warn.quadrature": "a layer or the target bends too sharply for the quadrature, or sums "
    "cancel; try integrated_gradients",
    "warn.lrp": "no relevance reached the picture: the target's value is 0, or the relevance "
    "ended at outputs that no input speaks for; try another class, composite='epsilon', or the "
    "gradient",
    "warn.lrp.biases": "biases, epsilon and outputs that no input speaks for have taken or made "
    "the rest; try lrp with composite='epsilon_gamma_box', or integrated_gradients",
    "warn.cam": "no channel of this node speaks for the target at any place (every weighted sum "
    "is zero or below); try another node, or another class",
    "warn.cam.single": "node {a} has a single place; try an earlier node",
    "warn.path": "the picture is the baseline, or the target does not move on the way between "
    "them; try another baseline or another class",
    "warn.steps": "raise steps",
    "warn.adds": "the map adds up to {a}, but the target moved by {b} from the baseline (gap {c})",
    "warn.adds.target": "the map adds up to {a}, but the target is {b} (gap {c})",
    "warn.no_relu": "this model has no ReLU, so the {a} rule changes nothing: the map is the "
    "plain gradient's",
    "warn.relatives": "the {a} rule is for ReLUs alone: {b} kept the plain gradient",
    "warn.start": "the target did not rise above the noise it began with; try more steps or "
    "smaller priors",
    "warn.real": "the target reached {a}, a real picture reaches {b}; try more steps or smaller "
    "priors",
    "warn.weak": "the network gives its class a probability of only {a}; try more steps or "
    "smaller priors",
    "warn.same_features": "all pictures have the same features: the network sees no difference, "
    "or the pictures are one",
    "warn.line": "the features differ in one direction alone: the points lie on a line",
    "warn.no_weights": "all its weights are zero",
    "warn.copy": "its weights are {a} times those of channel {b} (cosine {c})",
    "warn.flat_answers": "{a} of its answers lie where {b} is flat",
    "warn.always.places": "it answers {a} at all {b} places of all {c} pictures",
    "warn.always": "it answers {a} to all {b} pictures",
    "warn.left_out": "{a} of {b} pixels lie under no patch and show 0: make the stride no larger "
    "than the patch",
    "warn.for_relus": "{a} is derived for ReLUs: {b} passed the relevance on as it was",
    "warn.straight": "{a} passed the relevance on as it was, as if the curve were a straight line "
    "through 0",
    "warn.norms": "{a} has no rule for a normalization that cannot be folded: {b} passed all "
    "relevance on, whatever it adds or turns round",
}

ZH: dict[str, str] = {
    "how.structure": "模型摘要与结构图",
    "how.weights_of": "{node} 的权重",
    "how.output_of": "{node} 对图片 {i} 的输出",
    "how.ideal": "对 softmax 之前的得分做激活最大化",
    "how.patches": "{node} 的权重，以及最能激活其各通道的图块",
    "how.channels": "对 {node} 在 {at} 处的神经元做激活最大化，裁剪到其感受野；以及图片中（任意位"
    "置）最能激活各通道的图块",
    "how.recorded": "训练时记录",
    "how.batches": "{optimizer}，批大小 {batch}",
    "how.weights": "权重的分布",
    "how.spare": "从不改变的响应；与另一个成倍数的卷积核（余弦不低于 0.999）；95% 落在激活函数平"
    "坦处的响应",
    "how.confusion": "对 {n:,} 张有标签图片的回答",
    "how.perclass": "各类别的召回率和精确率，附 Wilson 区间",
    "how.mistakes": "对答案与真实类别的得分做遮挡",
    "how.calibration": "等分为 {bins} 份的期望校准误差",
    "how.flips": "各种微小改动分别进行",
    "how.flips.paper": "梯度步：Goodfellow et al. 2015, arXiv:1412.6572",
    "how.sizes": "{pictures:,} 张图片上的范围、平均值和标准差",
    "how.embedding": "{node} 输出的主成分",
    "how.embedding.n": "{n:,} 张图片",
    "how.cover": "对 softmax 之前的得分做遮挡",
    "how.guide": "遮挡：各个位置的概率与回答",
    "how.saliency": "梯度的大小；规则为原始、引导和整流",
    "how.cam": "{node} 处的 Grad-CAM；规则为原始、引导和整流",
    "how.contrast": "对两个得分之差用 {method}",
    "how.trust": "插入减删除；对照；逐层级联随机化",
    "how.answers": "概率最大的几个类别",
    "warn.nan": "{b} 个值中有 {a} 个是 NaN 或无穷大",
    "warn.broken": "网络对它的输出是 NaN 或无穷大，因此无法解释：其权重已损坏或过大，"
    "或图片没有按它要求的方式预处理",
    "warn.beyond": "输出是有限的，但回传途中的数超出了表示范围；"
    "请用 model.astype(np.float64) 或换一种方法",
    "warn.zero": "此图处处为零",
    "warn.flat": "此图处处相同",
    "warn.single": "此图只集中在一个格子里",
    "warn.occlusion": "遮住不产生任何变化，可能是因为填充色与图片该处原有的颜色相同；请换一种填充"
    "或更大的方块",
    "warn.gradient": "从图片到目标的路径上没有打开的 ReLU，或目标不取决于图片；请用 rule='plain' "
    "或换一个类别",
    "warn.deep_lift": "从基准到图片目标没有变化，或变化在每个像素处相互抵消；请换一个基准或类别",
    "warn.quadrature": "某一层或目标弯曲得太急，数值积分跟不上，或各项相互抵消；请用 "
    "integrated_gradients",
    "warn.lrp": "没有相关性到达图片：目标的值为 0，或相关性止于没有输入支持的输出；请换一个类别，"
    "或用 composite='epsilon' 或梯度",
    "warn.lrp.biases": "其余部分来自或消失于偏置、epsilon 以及没有输入支持的输出；请用 "
    "composite='epsilon_gamma_box' 的 lrp，或 integrated_gradients",
    "warn.cam": "该节点没有通道在任何位置支持此目标（各处的加权和都不大于零）；请换一个节点或类别",
    "warn.cam.single": "节点 {a} 只有一个位置；请用更靠前的节点",
    "warn.path": "图片就是基准，或两者之间目标没有变化；请换一个基准或类别",
    "warn.steps": "请增大 steps",
    "warn.adds": "此图的总和为 {a}，但目标相对基准的变化是 {b}（差距 {c}）",
    "warn.adds.target": "此图的总和为 {a}，但目标为 {b}（差距 {c}）",
    "warn.no_relu": "该模型没有 ReLU，因此 {a} 规则不起作用：此图就是原始梯度图",
    "warn.relatives": "{a} 规则只适用于 ReLU：{b} 仍用原始梯度",
    "warn.start": "目标没有超过起始噪声；请增加步数或减小先验",
    "warn.real": "目标达到 {a}，而真实图片达到 {b}；请增加步数或减小先验",
    "warn.weak": "网络给其类别的概率只有 {a}；请增加步数或减小先验",
    "warn.same_features": "所有图片的特征都相同：网络看不出差别，或图片本来相同",
    "warn.line": "特征只在一个方向上不同：各点落在一条直线上",
    "warn.no_weights": "其权重全部为零",
    "warn.copy": "其权重是通道 {b} 的 {a} 倍（余弦 {c}）",
    "warn.flat_answers": "其响应有 {a} 落在 {b} 的平坦处",
    "warn.always.places": "在全部 {c} 张图片的全部 {b} 个位置上响应都是 {a}",
    "warn.always": "对全部 {b} 张图片的响应都是 {a}",
    "warn.left_out": "{b} 个像素中有 {a} 个没有被任何方块覆盖，显示为 0：步长不要大于方块",
    "warn.for_relus": "{a} 是为 ReLU 推导的：{b} 原样传递了相关性",
    "warn.straight": "{a} 原样传递了相关性，如同曲线是过 0 的直线",
    "warn.norms": "{a} 没有针对不可折叠的归一化的规则：{b} 传递了全部相关性，不论它加上或反转了什"
    "么",
}
