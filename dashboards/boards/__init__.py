"""The boards, one module each: every module answers one question and offers one `board()`."""
