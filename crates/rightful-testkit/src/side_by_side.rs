//! Shows two JSON values beside each other, with the lines that differ marked.

use serde_json::Value;

const WIDTH: usize = 76;
const MOST: usize = 1_500;

/// Expected and actual in two columns; lines that are on one side only, or differ, are marked in the middle.
pub(crate) fn side_by_side(expected: &Value, actual: &Value) -> String {
    let lines = |value: &Value| {
        serde_json::to_string_pretty(value).expect("a JSON value can be written").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (left, right) = (lines(expected), lines(actual));
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or_default().clamp(8, WIDTH);
    let mut text = format!("    {:width$}   {}\n", "expected", "actual");
    for (mark, left, right) in aligned(&left, &right) {
        text.push_str(&format!("    {:width$} {mark} {right}\n", cut(left)));
    }
    text.truncate(text.trim_end().len());
    text
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH { line.to_owned() } else { format!("{}...", line.chars().take(WIDTH - 3).collect::<String>()) }
}

/// The longest common lines stand beside each other.
fn aligned<'a>(left: &'a [String], right: &'a [String]) -> Vec<(char, &'a str, &'a str)> {
    let (left, right) = (&left[..left.len().min(MOST)], &right[..right.len().min(MOST)]);
    let mut common = vec![vec![0u16; right.len() + 1]; left.len() + 1];
    for row in (0..left.len()).rev() {
        for column in (0..right.len()).rev() {
            common[row][column] = if left[row] == right[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < left.len() || column < right.len() {
        if row < left.len() && column < right.len() && left[row] == right[column] {
            lines.push((' ', left[row].as_str(), right[column].as_str()));
            (row, column) = (row + 1, column + 1);
        } else if row < left.len() && column < right.len() && common[row + 1][column + 1] == common[row][column] {
            lines.push(('|', left[row].as_str(), right[column].as_str()));
            (row, column) = (row + 1, column + 1);
        } else if column == right.len() || (row < left.len() && common[row + 1][column] >= common[row][column + 1]) {
            lines.push(('<', left[row].as_str(), ""));
            row += 1;
        } else {
            lines.push(('>', "", right[column].as_str()));
            column += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_marked() {
        let text = side_by_side(&json!({ "id": "1", "name": "A" }), &json!({ "id": "1", "name": "B", "state": "gone" }));
        let marks: Vec<&str> = text.lines().filter(|line| line.contains(" | ") || line.contains(" > ") || line.contains(" < ")).collect();
        assert_eq!(marks.len(), 2, "{text}");
        assert!(marks[0].contains(r#""name": "A""#) && marks[0].contains(r#""name": "B""#), "{text}");
        assert!(marks[1].contains("gone"), "{text}");
    }
}
