"""Chunks of a generated text, joined while nobody reads them."""

from app.engine.generation_request import GenerationChunk
from models.inference.config import SampledEnd


def test_chunk_extend_joins_what_is_new_and_ends_as_the_later_one() -> None:
    chunk = GenerationChunk(1, 0, [4], [-1.0], "a", None, 2, alternatives=[((4, -1.0),)])
    later = GenerationChunk(1, 0, [5], [-2.0], " b", "end", 2, None, [((6, -0.5),)], SampledEnd(-0.25, ((1, -0.25),)))
    chunk.extend(later)
    assert (chunk.tokens, chunk.logprobs, chunk.logprob, chunk.text) == ([4, 5], [-1.0, -2.0], -3.0, "a b")
    assert chunk.alternatives == [((4, -1.0),), ((6, -0.5),)]
    assert (chunk.end, chunk.finish_reason) == (SampledEnd(-0.25, ((1, -0.25),)), "end")
