"""Clicks and scribbles on batches of tensors, on the device of the tensors.

The result for an image does not depend on the other images of the batch. Clicks, components, distances and
skeletons are integers and equal those of single images. Scribbles use the same random numbers, but blobs are
blurred in float64 instead of float32 and sums have another order: pixels on the very edge of a blob may
differ, and the last digit of any pixel. On a CPU no pixel differed by more than 1e-14 in 7,000 centreline
scribbles (phantoms, their errors and backgrounds, white blood cells, random shapes of 1 to 140 pixels a side)
and 1,200 line scribbles. Images of a few pixels are an exception: if a warp moves a drawing out of the image,
rescaling can amplify rounding errors.
"""
