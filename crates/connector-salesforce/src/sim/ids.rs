//! Record ids: 15 characters, or 18 with a checksum of their upper-case letters.

/// Digits of a record number, in the order of their bytes: ids of one object ascend with their numbers.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of a 15-character id.
pub(super) fn with_checksum(short: &str) -> String {
    let mut id = short.to_owned();
    for group in short.as_bytes().chunks(5) {
        let bits = group.iter().enumerate().filter(|(_, letter)| letter.is_ascii_uppercase()).fold(0, |bits, (place, _)| bits | 1 << place);
        id.push(char::from(CHECKS[bits]));
    }
    id
}

/// The 18-character form of either form; `None` where it is no id.
pub(super) fn normalised(typed: &str) -> Option<String> {
    if !typed.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match typed.len() {
        15 => Some(with_checksum(typed)),
        18 => {
            let whole = with_checksum(&typed[..15]);
            whole.eq_ignore_ascii_case(typed).then_some(whole)
        }
        _ => None,
    }
}

/// The id of the record of that number under a key prefix of three characters.
pub(super) fn numbered(prefix: &str, number: u64) -> String {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for place in digits.iter_mut().rev() {
        *place = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    with_checksum(&format!("{prefix}Qk{}", String::from_utf8_lossy(&digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        for (short, long) in [
            ("00Di0000000icUB", "00Di0000000icUBEAY"),
            ("005i0000002MUqL", "005i0000002MUqLAAW"),
            ("00ei0000001CMKc", "00ei0000001CMKcAAO"),
            ("001Qk00000AbXyZ", "001Qk00000AbXyZIAV"),
            ("005Qk000003mNoP", "005Qk000003mNoPIAU"),
        ] {
            assert_eq!(with_checksum(short), long);
            assert_eq!((normalised(short).as_deref(), normalised(long).as_deref()), (Some(long), Some(long)));
        }
        for wrong in ["", "001", "001Qk00000AbXy!", "001Qk00000AbXyZIA", "001Qk00000AbXyZAAA", "é01Qk00000AbXy"] {
            assert_eq!(normalised(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_ascend_with_their_numbers() {
        let ids: Vec<String> = (0..5_000).map(|number| numbered("001", number)).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| normalised(id).as_ref() == Some(id)));
    }
}
