"""File formats, reading and writing: radiographs, the contest files, COCO, folders, PNG masks."""
