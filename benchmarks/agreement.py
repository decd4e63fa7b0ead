"""Do we compute what the reference implementations compute? It needs the `bench` extra.

`python -m benchmarks.agreement maps [METHOD …]` compares attribution maps (see `maps`), and
`python -m benchmarks.agreement training CIFAR.npz` compares trainings (see `training`).
"""

from __future__ import annotations

import argparse

from . import maps, training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    mapping = commands.add_parser("maps", description=maps.__doc__)
    mapping.add_argument("methods", nargs="*", help="only these; nothing is written then")
    mapping.add_argument("--seeds", type=int, default=2, help="networks of each kind")
    train = commands.add_parser("training", description=training.__doc__)
    train.add_argument("data", help="an .npz with train_x, train_y, test_x, test_y")
    train.add_argument("--epochs", type=int, default=2)
    train.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    if args.command == "maps":
        maps.compare(args.methods, args.seeds)
    else:
        training.compare(args.data, args.epochs, args.seeds)


if __name__ == "__main__":
    main()
