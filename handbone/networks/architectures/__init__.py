"""The built-in networks: every architecture of segmentation-models-pytorch, torchvision's DeepLabV3, and
segment-anything's image encoders under a light decoder.
"""
