"""Language models for decoders of speech and handwriting, in the interfaces of other libraries.

Each adapter is a module of its own that imports its library: `pyctcdecode`, `flashlight`, `torchaudio`. The rest of
Nextword needs none of them.
"""
