"""A file a package: `load(weights, device, **settings)` gives the function that segments an image.

That function takes RGB, uint8 (H, W, 3), at the scale of the model, and gives labels (H, W), whole numbers of
which 0 is background. `weights` is the path of the model's file or folder, `device` 'cpu' or 'cuda'. An
adapter runs in the environment of its package, so it imports nothing of maskless; nor does it download.
"""
