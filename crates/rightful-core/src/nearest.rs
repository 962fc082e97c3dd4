//! The nearest valid word to one that somebody mistyped.

/// The candidate nearest to `word`, if one is near enough to be what was meant.
///
/// ```
/// use rightful_core::nearest;
/// assert_eq!(nearest("api_kye", ["base_url", "api_key"]), Some("api_key"));
/// assert_eq!(nearest("colour", ["base_url", "api_key"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(128).collect();
    let right: Vec<char> = right.chars().take(128).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let mut best = (above[column] + usize::from(letter != other)).min(above[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_swaps() {
        for (left, right, expected) in [("", "", 0), ("", "abc", 3), ("kye", "key", 1), ("kitten", "sitting", 3), ("über", "uber", 1)] {
            assert_eq!((distance(left, right), distance(right, left)), (expected, expected), "{left} and {right}");
        }
    }

    #[test]
    fn the_nearest_wins_and_far_words_are_not_offered() {
        assert_eq!(nearest("Custmer", ["customers", "customer", "user"]), Some("customer"));
        assert_eq!(nearest("x", ["customer"]), None);
        assert_eq!(nearest("", ["customer"]), None);
    }
}
