"""The progress bar of the stages: on stderr after two seconds, and only where stderr is a terminal."""

from functools import partial

from tqdm import tqdm

progress = partial(tqdm, unit_scale=True, delay=2, disable=None, leave=False, dynamic_ncols=True)
