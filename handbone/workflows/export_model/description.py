"""What happens before and after the networks, in words, for programs of other makers that run the files."""

#: Of the card `model.json`.
PREPROCESSING = {
    "image": "grey, 0 black to 1 white, bones bright; 8-bit values divided by 255; no other normalisation",
    "coarse": "the whole image, centred in the square grid at its own aspect ratio, area-averaged where it shrinks, 0 "
    "outside; then the square in which the hand stands upright, if networks.coarse.card.extra.method.find_hand is set",
    "refiner": "the square around the wrist that the coarse masks place, see networks.coarse.card.extra.method.refiner",
    "channels": "the image; further channels of a refiner are the coarse masks in the order of card.bones, 0 to 1",
    "prior": "29 masks on the canonical grid, 0 to 1",
}
#: Of the card `model.json`.
POSTPROCESSING = {
    "output": "logits in the order of card.bones; masks may overlap, so there is no softmax",
    "views": "logits of the mirrored image, mirrored back, are averaged with the others where flip_tta is set",
    "image": "logits are interpolated bilinearly to the image, then sigmoid",
    "masks": "probability of at least the threshold; then gate and presence as networks.coarse.card.extra.method says",
}
