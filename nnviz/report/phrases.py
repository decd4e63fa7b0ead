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
    "{pictures:,} pictures has for this class; 99 % of the pictures stay below {low} to {high}, "
    "depending on the class.",
    "classes.below": "{names}: what was made does not score above the best picture; more steps or "
    "smaller priors may help",
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
    "pictures: the best place of each of the {k} best pictures.",
    "patches.beside": "Blue-grey is what lies beside the picture.",
    "patches.silent": "{n} of {of} filters answer the same at every place of all pictures "
    "({which}): grey tiles stand where their patches would be",
    "limit.first": "Shown are the first {shown} of {of}.",
    "confusion.part": "Shown are {shown} of {of} classes, those mixed up most; their numbers stand "
    "at the sides.",
    "block": "Each dot of a map is the mean of {block}×{block} pixels.",
    "limit.chosen": "Shown are the channels {which} of {of}.",
    "limit.classes": "Shown are {shown} of {of} classes: those chosen, or those that the pictures "
    "show.",
    "answers.top.title": "It is surest of this {best} ({high:.0%}) and least sure of this {worst} "
    "({low:.0%})",
    "answers.top.title.one": "It takes this picture for a {best} ({high:.0%})",
    "answers.top.caption": "Under each picture the {n} classes that the network finds likeliest, "
    "and how likely. It knows no other classes, and cannot say that none of them is there.",
    "answers.top.line": "{share:.1%} {name}",
    "answers.top.truth": "truth: {true}",
    "limit.even": "Shown are {shown} of {of}, evenly spread from the first to the last.",
    "limit.more": "and {count} more",
    "sizes.title": "From {first} to {last} the spread of the answers goes from {low} to {high}",
    "sizes.caption": "Above: the numbers that each layer has learnt. Below: what each layer "
    "answers to {pictures:,} pictures, from the first layer to the last. Thin lines reach from the "
    "smallest to the largest number, thick ones one standard deviation to either side of the mean "
    "(orange). A network learns well where the "
    "answers neither fade nor explode on the way.",
    "sizes.powers": "Far from zero the scale goes by powers of ten.",
    "sizes.limit": "Of the {of} steps at most {most} are shown, evenly spread from the first to "
    "the last.",
    "embedding.title.apart": "Before it decides, the network has sorted the pictures: {near:.0%} "
    "of the points lie next to one of their own class",
    "embedding.title.partly": "Before it decides, the network has partly sorted the pictures: "
    "{near:.0%} of the points lie next to one of their own class",
    "embedding.title.mixed": "Seen in two directions, the classes are still mixed before the "
    "network decides: {near:.0%} of the points lie next to one of their own class",
    "embedding.title.plain": "How the network arranges the pictures before it answers",
    "embedding.caption": "Each of the {n:,} points is a picture. What {node} answers to it is many "
    "numbers; they are drawn in the two directions in which the pictures differ most, which hold "
    "{share:.0%} of all differences. Pictures that are alike to the network lie close together.",
    "embedding.caption.classes": "Colours are the classes. Classes that overlap here may still be "
    "apart in one of the other directions.",
    # what to adjust
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
    "nothing of these pictures; a copy tells what another one tells already; a stuck one "
    "answers nearly the same to most of them, and can hardly learn any more. Whether other "
    "pictures would wake them, nobody knows.",
    "answers.caption": "The charts: how strongly the channels of each layer answer, over all "
    "pictures (the scale of the percentages is logarithmic). Exact zeros, where a channel found "
    "nothing, are left out; their share is {zeros}.",
    "todo.copies": "The copies ({where}) can each be joined with the channel that they copy: add "
    "up the weights that read them.",
    "todo.stuck": "Channels are stuck at the ends of their curves ({where}): a smaller learning "
    "rate, a normalization before them or smaller initial weights would free them.",
    # why, by several methods
    "methods.title": "{n} methods, one question: {a} and {b} agree most, {c} and {d} least",
    "methods.title.plain": "Several methods, one question",
    "methods.caption": "Every row answers for the same pictures, with another method, what speaks "
    "for the answer (red) and what against it (blue); white has no part in it. Rows have scales of "
    "their own, named beside them, since the methods count in different units. {agreement}",
    "methods.agreement": "Agreement is the correlation of two maps: {high:.2f} for {a} and {b}, "
    "{low:.2f} for {c} and {d}, where 1 would be the same map, 0 nothing in "
    "common, and −1 the opposite.",
    "methods.gap": "Some methods share the score out among the pixels, as against a plain {colour} "
    "picture or among the layers' inputs: under their maps stands the gap by which the sum "
    "of the map misses what it should share out.",
    "methods.row": "{name}: {words}; {low} to {high}",
    "methods.gap.label": "gap {gap}",
    "gap.little": "< 0.1%",
    "gap.share": "{gap:.1%}",
    "gap.all": "> 100%",
    "counts": "no|One|Two|Three|Four|Five|Six|Seven|Eight|Nine",
    "methods.failed": "{name} is not shown: {reason}",
    "methods.picture": "the picture",
    "method.gradient": "gradient|red: more light there would raise the score",
    "method.integrated_gradients": "integrated gradients|gradients added up on the way from a "
    "plain picture to this one",
    "method.deep_lift": "DeepLIFT|the difference from a plain picture, handed back layer by layer",
    "method.lrp": "LRP|the score, handed back layer by layer to what brought it about",
    "method.grad_cam": "Grad-CAM|regions whose maps help the class; it knows no against",
    "method.occlusion": "occlusion|what covering each place costs the score",
    "scale.for_against": "against, the row's largest value|for, the row's largest value",
    "scale.contrast": "for the right answer|for the wrong one",
    "contrast.title": "Why {answer} and not {true}: the {place} of the first picture tips it",
    "contrast.title.plain": "Why the wrong answer and not the right one",
    "contrast.caption": "The mistakes that it was surest of, and the question why it gave this "
    "answer and not the right one. Red places speak for the wrong answer more than for the right "
    "one, blue places for the right one more; white ones for both alike. What is explained is the "
    "lead of the wrong answer's score over the right one's, as against a plain {colour} picture. "
    "All maps share one scale. Under each: the lead, and the gap by which the sum of the map "
    "misses what it should share out.",
    "contrast.rows": "the picture|why this and not that",
    "contrast.label": "lead {lead}, gap {gap}",
    # how far the maps can be believed
    "method.guide": "large-square occlusion|what covering costs on average",
    "method.saliency": "plain|its size",
    "method.guided_backprop": "guided|only what excites",
    "method.deconvnet": "rectified|only what is positive",
    "trust.sentence": "Taking the {share:.0%} of the pixels away that the {name} maps of {n} "
    "pictures show brightest lowers the probability from {before:.2f} to {after:.2f} on average; "
    "with random maps, to {random:.2f}.",
    "trust.list": "Taking the {share:.0%} of the pixels away that a map shows brightest lowers the "
    "probability, on average over {n} pictures, from {before:.2f} to: {each}; with random maps, to "
    "{random:.2f}.",
    "trust.marked": "Mark: the {name} map {marks}.",
    "trust.picture": "shows the picture rather than the network",
    "trust.any_class": "looks the same whichever class is asked for",
    "trust.passes": "passes",
    "trust.none": "none",
    "trust.range": "{mean} ({low} to {high})",
    "trust.unchecked": "not checked",
    "trust.survives": "{rho}: {mark}",
    "trust.head": "method|probability, 10 % taken away|insertion less deletion|not surely better "
    "than|network destroyed",
    "trust.head.known": "at the true place",
    "trust.head.decoy": "at the decoy",
    "trust.title": "{good} of {n} methods can be believed here: they beat maps that know nothing, "
    "and notice when the network is destroyed; best is {best}",
    "trust.title.no": "Of {n} methods no one is surely better here than maps that know nothing of "
    "the network",
    "trust.title.decoy": "The maps show the spurious cue: their brightest pixel lies there in "
    "{decoy:.0%} of the cases, at the true one in {true:.0%}",
    "trust.title.true": "The maps show the true cue: their brightest pixel lies there in "
    "{true:.0%} of the cases, at what only looks like a reason in {decoy:.0%}",
    "trust.caption": "Every method's maps of the same {n} pictures, spread over the data. Taking "
    "the brightest {share:.0%} of a map away should lower the probability. Insertion less deletion "
    "sums that up over all shares of the pixels (higher is better; in brackets the mean's 95 % "
    "interval). The controls are a random map, the middle of the picture, and its edges: a method "
    "that is not surely better has shown nothing that one could not guess. Network destroyed: how "
    "alike a map stays when all that was learnt is shuffled, from 0 (not at all) to 1; a map that "
    "keeps half of its order or more shows the picture rather than the network.",
    "control.random": "a random map",
    "control.centre": "the centre",
    "control.edges": "the edges",
    "works.conclude": "It shows what parts of the network answer to, not that the network is right "
    "for that reason.",
    "adjust.conclude": "It shows what did not work in training; that a part is busy does not mean "
    "that it is needed.",
    "fails.conclude": "The shares hold for pictures like these, within the ranges given, and for "
    "no others.",
    "why.conclude": "A map shows what this answer hangs on, not what is true of the thing in the "
    "picture; how far each kind of map can be believed stands in the table of this chapter.",
}
