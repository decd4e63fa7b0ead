"""The pictures of `plain_script` with nnviz: `python -m benchmarks.our_script FOLDER`."""

import sys
from pathlib import Path

import nnviz as nv


def main(folder: str) -> None:
    out = Path(folder)
    out.mkdir(exist_ok=True)
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    picks = [int((digits.y == c).argmax()) for c in range(10)]
    x, y = digits.x[picks], digits.y[picks]

    for name, rule in (("saliency", "plain"), ("guided", "guided"), ("rectified", "rectified")):
        made = nv.saliency(model, x, y, rule=rule)
        nv.save_picture(made, out / f"{name}.png", pictures=x)
    nv.save_picture(nv.grad_cam(model, x, y), out / "grad-cam.png", pictures=x)

    probability = model.predict(x)
    sure, answer = probability.max(axis=1), probability.argmax(axis=1)
    right = [i for i in range(len(x)) if answer[i] == y[i]]
    hard = sorted(right, key=lambda i: float(sure[i]))[:5]
    covered = nv.occlusion(model, x[hard], y[hard], patch=4, stride=1, fill=0)
    nv.save_picture(covered, out / "occlusion.png", pictures=x[hard])

    for name, node in (("first", "conv2d_1"), ("deep", "conv2d_2")):
        nv.save_picture(nv.filters(model, node), out / f"filters-{name}.png")
        made = nv.feature_maps(model, x[:1], f"{node}/relu")
        nv.save_picture(made, out / f"features-{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
