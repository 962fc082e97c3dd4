//! `LIKE`: `%` is any text, `_` one character, a backslash takes the next one as it stands; case does not count.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Letter(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Pattern(Vec<Piece>);

impl Pattern {
    pub(super) fn new(written: &str) -> Self {
        let mut pieces = Vec::new();
        let mut letters = written.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '%' if pieces.last() == Some(&Piece::Any) => {}
                '%' => pieces.push(Piece::Any),
                '_' => pieces.push(Piece::One),
                '\\' => pieces.extend(letters.next().unwrap_or('\\').to_lowercase().map(Piece::Letter)),
                letter => pieces.extend(letter.to_lowercase().map(Piece::Letter)),
            }
        }
        Self(pieces)
    }

    /// Does the whole text match? Its time grows with text times pattern at most.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let (mut at, mut piece) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::Any) => {
                    retry = Some((at, piece));
                    piece += 1;
                }
                Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Letter(letter)) if *letter == text[at] => (at, piece) = (at + 1, piece + 1),
                _ => match retry {
                    Some((from, any)) => {
                        retry = Some((from + 1, any));
                        (at, piece) = (from + 1, any + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[piece..].iter().all(|piece| *piece == Piece::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, wanted) in [
            ("Acme%", "ACME Ltd", true),
            ("%ltd", "Acme Ltd", true),
            ("%c%e%", "Acme Ltd", true),
            ("Acme", "Acme Ltd", false),
            ("A_me", "Acme", true),
            ("A_me", "Ame", false),
            (r"50\%", "50%", true),
            (r"50\%", "500", false),
            (r"a\_b", "axb", false),
            (r"a\\b", r"a\b", true),
            ("", "", true),
            ("%", "", true),
            ("é%", "Élan", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), wanted, "{pattern} on {text}");
        }
        assert!(!Pattern::new(&"%a".repeat(200)).matches(&format!("{}b", "a".repeat(2_000))));
    }
}
