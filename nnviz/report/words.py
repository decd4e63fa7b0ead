"""The page's own words, in one place, ready to be translated.

Every sentence with a number in it is filled in from what was computed; nothing is claimed here that
a chapter has not measured.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import listing
from .phrases import PHRASES

EN: dict[str, str] = {
    # the top
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
    # chapters
    "works": "How it works",
    "works.lead": "Here you see what the network is built of and what its parts have learnt to "
    "look for. Read from top to bottom, as a picture passes through it: simple patterns first, "
    "whole shapes at the end.",
    "adjust": "What to adjust",
    "adjust.lead": "Here you see how the training went and whether all parts of the network do "
    "their work. It tells whether more training, less of it, or a smaller network would help.",
    "adjust.lead.plain": "Here you see whether all parts of the network do their work. It tells "
    "whether a smaller network would do. How the training went is not known: the model file does "
    "not say it.",
    "fails": "Where it fails",
    "fails.lead": "Here you see which classes are taken for which, and the mistakes that the "
    "network was surest of. It tells which pictures you should not trust it with.",
    "fails.unlabelled": "The pictures came without labels, so nobody can say here which answers "
    "are wrong; look for yourself. Pictures in a folder for each class would tell more.",
    "fails.plain": "This network's output means no classes, so no answer of it can be right or "
    "wrong here.",
    "why": "Why it decided so",
    "why.lead": "Here you see which parts of a picture an answer rests on, found out in several "
    "ways. Where they agree you may believe them more than any one of them alone.",
    "why.plain": "This network's output means no classes, so there is no decision to explain here.",
    "table.long": "All {n} layers as a table",
    "todo": "What to do about it",
    # how it works
    "diagram.title": "{steps} steps from picture to answer; {share:.0%} of all it has learnt sits "
    "in {heaviest}",
    "diagram.title.empty": "{steps} steps from picture to answer",
    "diagram.caption": "Each box is a layer; a picture enters at the top and the answer leaves at "
    "the bottom. A box says what the layer does, the size of what comes out of it (rows × cols × "
    "channels), and how many numbers it has learnt.",
    "filters.title": "What each of the {n} filters of the first convolution looks for",
    "filters.title.deep": "The {n} filters of {node}: how each weighs what came before",
    "filters.caption": "Each tile is one filter, a pattern of {rows}×{cols} cells that is slid "
    "over the picture. Red cells want brightness at their place, blue cells want darkness, white "
    "ones do not care.",
    "filters.caption.colour": "Each tile is one filter, a pattern of {rows}×{cols} cells that is "
    "slid over the picture. A cell's colour is the colour it wants to see; mid-grey means it does "
    "not care (weight 0), the full colour stands for a weight of {top}.",
    "filters.caption.deep": "One column for each of the {n} filters, one small square in it for "
    "each of the {channels} channels that it reads. Red: the more of that channel here, the "
    "stronger the answer; blue: the weaker.",
    "features.title": "What {node} answers to this {true}: {active} of {n} maps light up",
    "features.caption": "Each tile is the answer of one filter to the picture above them: the "
    "brighter, the more the filter has found its pattern there. A dark tile means that it has "
    "found nothing.",
    "features.caption.signed": "Each tile is the answer of one filter to the picture above them: "
    "red where it answers above zero, blue where it answers below zero, white where it answers "
    "nothing.",
    "classes.title": "The picture that the network would like best for each class",
    "classes.caption": "Starting from noise, each picture was changed step by step so that the "
    "score of its class rose. It shows what the network looks for, which is not what a person "
    "would draw. Under each picture: how sure the network is that it is this class.",
    # what to adjust
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
    "and": " and ",
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
    # where it fails
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
    "many of the answers with this class hold (precision), and what its other pictures were mostly "
    "taken for. The lines in the chart are the range in which the true share lies with 95 % "
    "confidence.",
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
    "calibration.title.right": "How sure it says it is fits how often it is right: {sure:.1%} "
    "and {right:.1%} on average",
    "calibration.title.over": "It claims too much: on average it says it is {sure:.1%} sure, and "
    "is right in {right:.1%}",
    "calibration.title.under": "It is better than it says: on average it says it is {sure:.1%} "
    "sure, and is right in {right:.1%}",
    "calibration.caption": "Answers are put together by how sure the network was of them. A point "
    "says which share of such answers is right, its line the range in which the true share lies "
    "with 95 % confidence; on the dashed line both would be the same, below it the network claims "
    "too much. Below: how many answers there are. On average over all answers the distance from "
    "the dashed line is {ece:.1%} (expected calibration error).",
    "flips.title": "A small change of the picture turns {chance:.1%} of the right answers wrong, "
    "one that is chosen against the network {chosen:.1%}",
    "flips.title.none": "No small change turns any of {of} right answers wrong",
    "flips.caption": "Each of {n} rightly answered pictures was changed a little, in one way at a "
    "time, so little that a person would not answer otherwise. The gradient step is not met by "
    "chance: it moves each pixel in the direction that hurts the right answer most, about as far "
    "as the noise does. The last column is the range in which the true share lies with 95 % "
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
    # why
    "cover.title": "The {place} of this {true} matters most: covered, its score falls from {score} "
    "to {after}",
    "cover.title.plain": "Where covering a part of the picture costs the answer most",
    "cover.caption": "A {colour} square of {patch}×{patch} pixels was laid over every place of "
    "the picture in turn ({places} places), and each pixel shows what the squares over it cost on "
    "average. Red: covering this place lowers the score of the class; blue: it raises it; white: "
    "it makes no difference. All maps share one scale.",
    "colours": "black|dark grey|grey|light grey|white",
    "cover.background": "As the square has the colour of the paper, it only takes away and draws "
    "nothing new.",
    "guide.title": "With the {place} covered, this {true} turns into {answer}",
    "guide.title.firm": "Large parts may be covered and every answer stays",
    "guide.title.plain": "What the network answers when large parts are covered",
    "guide.caption": "Here a large grey square of {patch}×{patch} pixels was moved over the "
    "picture in steps of {stride} ({places} places). First row: the picture. Second: how sure the "
    "network still is of its answer when the square's middle is here (bright: sure, dark: lost). "
    "Third: what it answers then, a colour for each class. Under it: how often each answer was "
    "given.",
    "guide.others": "others: {count}",
    "guide.rows": "the picture|still sure|its answer",
    "saliency.title": "Which pixels the scores hang on, in three readings",
    "saliency.caption": "Bright pixels are those where a small change would move the score of the "
    "class most. “Plain” is the exact slope; “guided” and “rectified” let only part of it pass, "
    "which looks tidier but follows the edges in the picture itself, so trust the plain one. All "
    "maps of one row share one scale.",
    "cam.title": "Which regions speak for each class, in three readings",
    "cam.caption": "Grad-CAM: the maps of {node} are added up, each weighted by how much it helps "
    "the class. The brighter, the more this region speaks for the class. It is coarser than the "
    "pixel maps and closer to what the network really combines. All maps of one row share one "
    "scale.",
    "todo.coverage": "For {name} the answer hangs on a small spot: a covering of {patch}×{patch} "
    "pixels takes {share:.0%} of its score. Train with parts of the pictures covered to make it "
    "less brittle.",
    "todo.trust": "Before you rely on a heat map, compare it with the plain reading: the guided "
    "and rectified ones also follow edges that the network does not use.",
    "warning.same": "The {rule} maps of {name} are the same whichever class is asked for: they "
    "show the picture rather than a reason.",
    # the figures' small print
    "scale.against_for": "against|for",
    "scale.below_above": "below zero|above zero",
    "scale.row": "0|the row's largest value",
    "scale.little_much": "little|much",
    "scale.lowers": "covering raises the score|covering lowers it",
    "scale.lost_sure": "lost|sure",
    "scale.want": "wants dark|wants bright",
    "details": "Details",
    "method": "Method",
    "settings": "Settings",
    "seed": "Seed",
    "again": "Make it again",
    "files": "Files",
    "missing.title": "This figure could not be made",
    "missing": "not shown: {reason}",
    # the foot
    "foot.how": "How this was made",
    "foot.files": "All files",
    "foot.glossary": "Words",
    "foot.data": "The pictures",
    "picture": "picture",
    "legend": "What the colours mean",
} | PHRASES

GLOSSARY: dict[str, str] = {
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


def say(key: str, **values: Any) -> str:
    """The words of `key`, filled in."""
    return EN[key].format(**values)


def isolated(name: str) -> str:
    """A name for use inside a sentence: one that is written from right to left does not turn what
    stands beside it."""
    turns = any(
        unicodedata.bidirectional(sign) in ("R", "AL", "RLE", "RLO", "RLI") for sign in name
    )
    return f"\u2068{name}\u2069" if turns else name


def told(warnings: Iterable[str], names: Sequence[str], prefix: str = "") -> list[str]:
    """A result's warnings for the page: the same words once, with the names of what they are said
    of.

    names: what the pictures of the result are called, where the result numbers them.
    """
    said: dict[str, list[str]] = {}
    for warning in warnings:
        numbered = re.match(r"picture (\d+): ", warning)
        who = said.setdefault(warning[numbered.end() :] if numbered else warning, [])
        if numbered:
            who.append(names[int(numbered[1])])
    return [
        ": ".join(part for part in (prefix, listing(dict.fromkeys(who)), words) if part)
        for words, who in said.items()
    ]


def heads(key: str) -> list[str]:
    """Words with bars between them, as a list: the heads of rows or columns."""
    return EN[key].split("|")


def ends(key: str) -> tuple[str, str]:
    """What the two ends of a scale mean."""
    low, high = EN[key].split("|")
    return low, high


def place_words(row: float, col: float, rows: int, cols: int) -> str:
    """Where in a picture a point lies: `upper left`, `middle`, `lower part` …"""
    down = ("upper", "", "lower")[min(2, int(3 * row / rows))]
    along = ("left", "", "right")[min(2, int(3 * col / cols))]
    if down and along:
        return f"{down} {along}"
    if down:
        return f"{down} part"
    return f"{along} part" if along else "middle"
