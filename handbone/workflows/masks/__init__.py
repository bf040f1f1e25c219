"""Anyone's masks, one image in memory at a time: a run's, predictions, CSV, COCO or PNG files, labels."""
