"""The simulated annotator on tensors: a batch at a time, on the device it lies on.

Clicks, components, distances and skeletons are whole numbers, and the same as one image at a time. Scribbles
draw the same numbers from the same generators, but blobs are blurred in float64 instead of float32, and sums
are in another order: a pixel on the very edge of a blob may differ, and so may the last digit of any. On a
CPU no pixel was off by more than 1e-14 in 7,000 scribbles along centre lines (phantoms, their errors and
backgrounds, white blood cells, random shapes of 1 to 140 pixels a side) and 1,200 along lines. Images of a
few pixels are an exception: where all of a drawing has moved out of one, the rescaling can blow up what
rounding left of it.

No item's result depends on the others in its batch.
"""
