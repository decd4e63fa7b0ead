"""More of the page's own words: the figures of the filters, of the spread of what the layers
answer, of several methods side by side."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    # how it works
    "diagram.head": "layer (type)|output|learnt|multiply-adds|sees",
    "diagram.total": "all",
    "diagram.caption.table": "The table also says how many multiplications with an addition after "
    "them a picture costs there, and how large a window of the picture one number of the layer "
    "depends on, in pixels, with what lies beside the picture (a dash: all of it, or it does not "
    "apply).",
    "classes.title.all": "The picture that the network would like best for each class: {all} score "
    "above the best of the {pictures:,} pictures",
    "classes.title.some": "The picture that the network would like best for each class: {above} "
    "of {n} score above the best of the {pictures:,} pictures",
    "classes.all": "both|all three|all four|all five|all six|all seven|all eight|all nine|all ten",
    "classes.caption.against": "Its score stands there too, and the best score that any of the "
    "{pictures:,} pictures has for this class; 99 % of them stay below the numbers from {low} to "
    "{high}.",
    "classes.label": "{name}: {sure:.1%}, score {score} (best picture {best})",
    "classes.label.plain": "{name}: {sure:.1%}",
    "channels.title": "What each of {n} filters of {node} answers to most; {above} of them prefer "
    "the patch that was made for them to all of {pictures:,} pictures",
    "channels.title.all": "What each of {n} filters of {node} answers to most; every one prefers "
    "the patch that was made for it to all of {pictures:,} pictures",
    "channels.caption": "First in each strip: the patch of {rows}×{cols} pixels, as much as one "
    "filter of this layer can see, that makes it answer most strongly; found by climbing from "
    "noise.",
    "patches.caption": "Then, from left to right, what excites it most in the {pictures:,} "
    "pictures: the best place of each of the {k} best pictures. Blue-grey: beside the picture.",
    "patches.silent": "{n} of {of} filters answer the same at every place of all pictures "
    "({which}): grey tiles stand where their patches would be",
    "limit.first": "Shown are the first {shown} of {of}.",
    "limit.even": "Shown are {shown} of {of}, evenly spread from the first to the last.",
}
