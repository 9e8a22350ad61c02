"""From a picture to points: boxes, crops, landmarks, tracks. Neither Keras nor TensorFlow."""
