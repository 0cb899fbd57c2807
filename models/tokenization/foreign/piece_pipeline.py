r"""Pipeline of `tokenizers` that splits text as a SentencePiece model does: `build_piece_pipeline`.

It is for other programs, which have no SentencePiece: ours asks that library itself. The steps are those of the
library in their order: characters are mapped, blanks removed, one put before the text, and all of them written as
\u2581; then come merges in the order of their pieces' scores, or the most probable pieces. Ids may differ where two
ways to split a word are equally probable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram

from models.errors import InvalidInput
from models.special_tokens import EOS
from models.tokenization.foreign import piece_file
from models.tokenization.foreign.piece_file import PieceFile
from models.tokenization.foreign.spelling import META_SPACE


def build_piece_pipeline(
    file: PieceFile, first_steps: Sequence[normalizers.Normalizer] = (), newline: bool = False
) -> Tokenizer:
    """Build the pipeline of a model, with the ids of its file.

    `first_steps` change the text before; `newline`: a newline is the token with id 1, and is called so. Raises
    InvalidInput for models that `tokenizers` cannot express.
    """
    if file.kind not in (piece_file.UNIGRAM, piece_file.BPE) or file.suffix_blanks:
        raise InvalidInput("model", "must have a tokenizer of kind unigram or BPE with blanks before words")
    names = [piece.text for piece in file.pieces]
    if newline:
        names[EOS] = "\n"
    tokenizer = Tokenizer(_unigram(file, names) if file.kind == piece_file.UNIGRAM else _bpe(file, names))
    tokenizer.normalizer = normalizers.Sequence([*first_steps, *_normalizer_steps(file)])
    if steps := _pre_tokenizer_steps(file, names):
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.Sequence(_decoder_steps(file))
    if newline:
        tokenizer.add_tokens([AddedToken("\n", normalized=True, special=False)])
    return tokenizer


def _unigram(file: PieceFile, names: list[str]) -> Unigram:
    vocabulary = [(name, piece.score) for name, piece in zip(names, file.pieces, strict=True)]
    return Unigram(vocabulary, _unknown_id(file), file.byte_fallback)


def _bpe(file: PieceFile, names: list[str]) -> BPE:
    unknown = _unknown_id(file)
    return BPE(
        {name: i for i, name in enumerate(names)},
        _merges(file),
        unk_token=None if unknown is None else names[unknown],
        fuse_unk=True,
        byte_fallback=file.byte_fallback,
        ignore_merges=bool(_user_defined(file)),
    )


def _merges(file: PieceFile) -> list[tuple[str, str]]:
    """Return the pairs of pieces that make a piece, best first: only normal pieces are made of others."""
    normal = {piece.text: (-piece.score, i) for i, piece in enumerate(file.pieces) if piece.kind == piece_file.NORMAL}
    merges = [
        (rank, text[:cut], text[cut:])
        for text, rank in normal.items()
        for cut in range(1, len(text))
        if text[:cut] in normal and text[cut:] in normal
    ]
    return [(left, right) for _, left, right in sorted(merges)]


def _unknown_id(file: PieceFile) -> int | None:
    return next((i for i, piece in enumerate(file.pieces) if piece.kind == piece_file.UNKNOWN), None)


def _user_defined(file: PieceFile) -> list[str]:
    """Return the pieces that are never part of another, longest first."""
    pieces = [piece.text for piece in file.pieces if piece.kind == piece_file.USER_DEFINED]
    return sorted(pieces, key=len, reverse=True)


def _special_names(file: PieceFile, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the names of a unigram model's special tokens, each in two parts, that no piece has inside."""
    if file.kind != piece_file.UNIGRAM:
        return []
    kinds = [piece.kind for piece in file.pieces]
    special = [
        name for name, kind in zip(names, kinds, strict=True) if kind in (piece_file.UNKNOWN, piece_file.CONTROL)
    ]
    normal = [name for name, kind in zip(names, kinds, strict=True) if kind == piece_file.NORMAL]
    return [_cut(name, normal) for name in special if len(name) > 1 and not any(name in text for text in normal)]


def _cut(name: str, normal: Sequence[str]) -> tuple[str, str]:
    """Return a name in two parts: where no piece goes across, and beside a character that is a piece.

    Unknown characters that are neighbours would be one token.
    """
    places = [i for i in range(1, len(name)) if not any(name[i - 1 : i + 1] in text for text in normal)]
    place = next((i for i in places if name[i - 1] in normal or name[i] in normal), places[0] if places else 1)
    return name[:place], name[place:]


def _normalizer_steps(file: PieceFile) -> list[normalizers.Normalizer]:
    steps: list[normalizers.Normalizer] = []
    if file.character_map:
        steps.append(_precompiled(file.character_map))
    if file.removes_blanks:
        steps += [normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    steps.append(normalizers.Replace(" ", META_SPACE))
    if file.adds_blank:
        # The step below leaves out the blank where the text begins with one; SentencePiece does not.
        steps.append(normalizers.Replace(Regex(rf"\A{META_SPACE}"), META_SPACE * 2))
    return steps


def _precompiled(character_map: bytes) -> normalizers.Normalizer:
    """Return the step of a compiled map of characters.

    Raises InvalidInput for one that only SentencePiece reads.
    """
    try:
        return normalizers.Precompiled(character_map)
    except Exception as error:  # `tokenizers` raises no narrower one
        raise InvalidInput("model", f"maps characters in a way that `tokenizers` does not read ({error})") from None


def _pre_tokenizer_steps(file: PieceFile, names: Sequence[str]) -> list[pre_tokenizers.PreTokenizer]:
    steps: list[pre_tokenizers.PreTokenizer] = []
    if file.adds_blank:
        steps.append(pre_tokenizers.Metaspace(META_SPACE, prepend_scheme="always", split=False))
    if special := _special_names(file, names):
        # A unigram pipeline would take the spelling of such a name for the token: cut it in two.
        cuts = "|".join(f"{re.escape(begin)}(?={re.escape(end)})" for begin, end in special)
        steps.append(pre_tokenizers.Split(Regex(cuts), "merged_with_previous"))
    if user_defined := _user_defined(file):
        steps.append(pre_tokenizers.Split(Regex("|".join(map(re.escape, user_defined))), "isolated"))
    return steps


def _decoder_steps(file: PieceFile) -> list[decoders.Decoder]:
    steps = [decoders.Replace(META_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    return [*steps, decoders.Strip(" ", 1, 0)] if file.adds_blank else steps
