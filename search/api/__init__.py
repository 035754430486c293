"""Run, preview, retrain, train and rehearse from Python: what the commands of these names do.

Nothing here prints or handles a signal. What is worth telling on the way goes to the functions that the
caller gives; Ctrl-C is a KeyboardInterrupt, and the same call goes on where it stopped.
"""

from .preview_run import preview
from .rehearse_samplers import rehearse
from .retrain_front import retrain
from .run_search import run
from .train_network import default_training_folder, train

__all__ = ["default_training_folder", "preview", "rehearse", "retrain", "run", "train"]
