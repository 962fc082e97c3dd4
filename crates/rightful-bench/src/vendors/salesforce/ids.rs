//! Record ids as Salesforce makes them: a prefix, a number in base 62, and three characters that check the case of the others.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// Every id carries it after its prefix.
const INSTANCE: &str = "Qk";

/// Accounts.
pub const ACCOUNT: &str = "001";
/// Users.
pub const USER: &str = "005";
/// Query jobs.
pub const JOB: &str = "750";

/// The id of the record of that number. Ids ascend with their numbers.
pub fn id(prefix: &str, number: usize) -> String {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for place in digits.iter_mut().rev() {
        *place = DIGITS[rest % 62];
        rest /= 62;
    }
    let short = format!("{prefix}{INSTANCE}{}", String::from_utf8_lossy(&digits));
    let check = short.as_bytes().chunks(5).map(|group| {
        let bits = group.iter().enumerate().filter(|(_, letter)| letter.is_ascii_uppercase()).fold(0, |bits, (place, _)| bits | 1 << place);
        char::from(CHECKS[bits])
    });
    let check: String = check.collect();
    short + &check
}

/// The number of an id; `None` where it is no id of ours.
pub fn number(id: &str) -> Option<usize> {
    let digits = id.get(3..15)?.strip_prefix(INSTANCE)?;
    digits.bytes().try_fold(0, |number: usize, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        number.checked_mul(62)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_number() {
        for of in [0, 1, 61, 62, 100_000, 1_000_000] {
            let id = id(ACCOUNT, of);
            assert_eq!((number(&id), id.len()), (Some(of), 18), "{id}");
        }
        assert!(id(ACCOUNT, 61) < id(ACCOUNT, 62) && id(ACCOUNT, 9) < id(ACCOUNT, 10));
        assert_eq!(id(USER, 1), "005Qk0000000001IAA");
        for text in ["", "001", "001Ab0000000001", "001Qk00000000-1"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
