"""The glossary in the page's foot: terms and what they mean."""

from __future__ import annotations

EN: dict[str, str] = {
    "accuracy": "the share of pictures that were answered rightly",
    "activation": "what a layer answers to a picture; a curve such as ReLU applied to it",
    "calibration": "whether a network is as often right as it says it is",
    "channel": "one of several maps that a layer gives side by side; each filter makes one",
    "class": "one of the answers that the network can give",
    "confusion matrix": "a table that counts which class was taken for which",
    "convolution": "a layer that slides small filters over its input",
    "dead": "said of a channel that is zero for every picture",
    "epoch": "one round through all training pictures",
    "filter": "a small pattern of learnt numbers that a convolution looks for everywhere",
    "Grad-CAM": "a map of the regions that speak for a class, from a layer's maps and their slopes",
    "held-out": "said of pictures that the network has never learnt from",
    "layer": "one step of the network, an operation with its learnt numbers",
    "occlusion": "covering a part of the picture to see what the answer loses",
    "parameter": "a number that was learnt in training",
    "pooling": "a layer that keeps one number of each small window, the largest or the mean",
    "precision": "of the answers with a class, the share that is right",
    "probability": "how sure the network says it is, from 0 to 100 %; it can be sure and wrong",
    "recall": "of the pictures of a class, the share that is recognized",
    "saliency": "how strongly each pixel, changed a little, would move the score",
    "score": "the number that a class gets before all of them are turned into probabilities",
}

ZH: dict[str, str] = {
    "准确率": "回答正确的图片所占的比例",
    "激活": "一层对图片的响应；作用于其上的曲线（如 ReLU）",
    "校准": "网络的实际正确率是否与它自称的把握相符",
    "通道": "一层并列给出的若干张图之一；每个滤波器产生一个通道",
    "类别": "网络可能给出的答案之一",
    "混淆矩阵": "统计哪个类别被当成哪个类别的表格",
    "卷积": "让小滤波器在输入上滑动的一层",
    "失活": "指对每张图片都为零的通道",
    "轮（epoch）": "把全部训练图片学习一遍",
    "滤波器（卷积核）": "由学得的参数构成的小图案，卷积在各处寻找它",
    "Grad-CAM": "由一层的特征图及其梯度得出的图，显示哪些区域支持某个类别",
    "留出": "指网络从未学习过的图片",
    "层": "网络的一步，即一种运算及其学得的参数",
    "遮挡": "遮住图片的一部分，看答案损失多少",
    "参数": "由训练学得的数值",
    "池化": "在每个小窗口中只保留一个数值（最大值或平均值）的一层",
    "精确率": "在给出某类别的回答中，正确的比例",
    "概率": "网络自称有多大把握，从 0 到 100 %；它可能很有把握却是错的",
    "召回率": "在某类别的图片中，被认出的比例",
    "显著图": "每个像素稍加改变时，得分会变化多少",
    "得分": "把各类别的数值转换为概率之前，每个类别得到的数值",
}
"""In the order of the English ones."""
