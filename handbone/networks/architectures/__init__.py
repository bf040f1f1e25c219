"""The built-in networks: every architecture of segmentation-models-pytorch, and torchvision's DeepLabV3."""
