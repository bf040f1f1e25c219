"""File formats, reading and writing: radiographs, the contest's files, COCO, folders, PNG masks."""
