"""Training by recipe: stages, checkpoints, resuming after a kill, several devices."""

from keras_landmarks.losses.face_loss import FaceLosses
from keras_landmarks.training.balancing import LossBalancing
from keras_landmarks.training.devices import join_hosts
from keras_landmarks.training.fine_tuning import fine_tuning, for_scheme
from keras_landmarks.training.multi_loss import MultiLoss
from keras_landmarks.training.optimizers import averaged_adamw
from keras_landmarks.training.recipe import Recipe
from keras_landmarks.training.stage import Stage, at_half_size
from keras_landmarks.training.teacher import Teacher
from keras_landmarks.training.train import train

__all__ = [
    "FaceLosses",
    "LossBalancing",
    "MultiLoss",
    "Recipe",
    "Stage",
    "Teacher",
    "at_half_size",
    "averaged_adamw",
    "fine_tuning",
    "for_scheme",
    "join_hosts",
    "train",
]
