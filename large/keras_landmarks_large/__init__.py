"""The weights of the large models lie in this folder; `keras_landmarks.load` finds them."""
