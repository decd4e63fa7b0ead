"""Do we compute what the reference implementations compute? It needs the `bench` extra, of
which each command imports its own.

`python -m benchmarks.agreement maps [METHOD …]` compares attribution maps (see `maps`),
`python -m benchmarks.agreement training CIFAR.npz` compares trainings (see `training`), and
`python -m benchmarks.agreement scores` compares scores of maps (see `judged`; it needs quantus
0.6.0).
"""

from __future__ import annotations

import argparse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    mapping = commands.add_parser("maps", help="attribution maps beside Captum's")
    mapping.add_argument("methods", nargs="*", help="only these; nothing is written then")
    mapping.add_argument("--seeds", type=int, default=2, help="networks of each kind")
    train = commands.add_parser("training", help="trainings beside PyTorch's")
    train.add_argument("data", help="an .npz with train_x, train_y, test_x, test_y")
    train.add_argument("--epochs", type=int, default=2)
    train.add_argument("--seeds", type=int, default=5)
    commands.add_parser("scores", help="scores of maps beside Quantus's")
    args = parser.parse_args()
    if args.command == "maps":
        from . import maps

        maps.compare(args.methods, args.seeds)
    elif args.command == "scores":
        from . import judged

        judged.compare()
    else:
        from . import training

        training.compare(args.data, args.epochs, args.seeds)


if __name__ == "__main__":
    main()
