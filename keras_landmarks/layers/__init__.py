"""Layers on Keras ops: every one runs on every backend and exports to TFLite and ONNX."""

from keras_landmarks.layers.batch_normalization import BatchNormalization
from keras_landmarks.layers.feature_image import FeatureImage
from keras_landmarks.layers.heatmap_decoding import HeatmapDecoding
from keras_landmarks.layers.heatmap_generation import HeatmapGeneration
from keras_landmarks.layers.heatmap_mean import HeatmapMean
from keras_landmarks.layers.image_transform import ImageTransform
from keras_landmarks.layers.landmark_crop import LandmarkCrop
from keras_landmarks.layers.landmark_transform import LandmarkTransform
from keras_landmarks.layers.mean_shape import MeanShape
from keras_landmarks.layers.score_weights import ScoreWeights
from keras_landmarks.layers.shape_dictionary import ShapeDictionary
from keras_landmarks.layers.transform_estimation import TransformEstimation
from keras_landmarks.layers.transform_jitter import TransformJitter
from keras_landmarks.layers.upsampled_sum import UpsampledSum

__all__ = [
    "BatchNormalization",
    "FeatureImage",
    "HeatmapDecoding",
    "HeatmapGeneration",
    "HeatmapMean",
    "ImageTransform",
    "LandmarkCrop",
    "LandmarkTransform",
    "MeanShape",
    "ScoreWeights",
    "ShapeDictionary",
    "TransformEstimation",
    "TransformJitter",
    "UpsampledSum",
]
