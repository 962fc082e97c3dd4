//! Record ids: 15 characters, or 18 with a check of their case; one form inside this connector, and ranges of them to read side by side.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a group's five bits are written as.
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Digits of the counting part of an id, in the order in which ids grow.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters that name the object (`001` is an account).
const PREFIX: usize = 3;

/// A record id in its form of 18 characters, compared exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SfId(String);

impl SfId {
    /// An id in either form. `None` where it is none, or where the check does not fit its case: then somebody changed the case.
    pub fn parse(text: &str) -> Option<Self> {
        if !matches!(text.len(), 15 | 18) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (id, check) = text.split_at(15);
        let full = format!("{id}{}", checked(id));
        (check.is_empty() || full == text).then_some(Self(full))
    }

    /// The form of 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form of 15 characters, as reports and the address bar show it.
    pub fn short(&self) -> &str {
        &self.0[..15]
    }

    /// Does it name a user?
    pub fn is_user(&self) -> bool {
        self.0.starts_with("005")
    }

    /// Does it name a group, which queues are? The prefix is unconfirmed; an owner that is neither counts as not seen.
    pub fn is_group(&self) -> bool {
        self.0.starts_with("00G")
    }

    fn prefix(&self) -> &str {
        &self.0[..PREFIX]
    }

    /// The counting part as a number.
    fn number(&self) -> u128 {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).unwrap_or_default() as u128;
        self.0.as_bytes()[PREFIX..15].iter().fold(0, |number, byte| number * 62 + digit(*byte))
    }

    fn of_number(prefix: &str, mut number: u128) -> Option<Self> {
        let mut digits = [b'0'; 15 - PREFIX];
        for place in digits.iter_mut().rev() {
            *place = DIGITS[(number % 62) as usize];
            number /= 62;
        }
        Self::parse(&format!("{prefix}{}", std::str::from_utf8(&digits).ok()?))
    }
}

impl fmt::Display for SfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for SfId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "no record id".to_owned())
    }
}

impl From<SfId> for String {
    fn from(id: SfId) -> Self {
        id.0
    }
}

/// The three characters that say which of the fifteen are capitals: five per character, the leftmost counting least.
fn checked(id: &str) -> String {
    let capitals = |group: &[u8]| group.iter().enumerate().map(|(at, byte)| usize::from(byte.is_ascii_uppercase()) << at).sum::<usize>();
    id.as_bytes().chunks(5).map(|group| char::from(CHECK[capitals(group)])).collect()
}

/// Ids above one and up to another; without a border it is open on that side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    pub above: Option<SfId>,
    pub up_to: Option<SfId>,
}

/// At most `count` ranges that hold every id once, in whatever order the vendor compares them: the first and the last are open, and each begins
/// where the one before ends. How many rows each holds depends on how evenly ids are spread; whether a row is missed does not.
pub fn ranges(lowest: &SfId, highest: &SfId, count: usize) -> Vec<IdRange> {
    let (low, high) = (lowest.number(), highest.number());
    let count = count.max(1) as u128;
    let mut borders: Vec<SfId> = Vec::new();
    if lowest.prefix() == highest.prefix() && low < high {
        for step in 1..count {
            let border = SfId::of_number(lowest.prefix(), low + (high - low) * step / count);
            borders.extend(border.filter(|border| borders.last() != Some(border)));
        }
    }
    let above = std::iter::once(None).chain(borders.iter().cloned().map(Some));
    let up_to = borders.iter().cloned().map(Some).chain(std::iter::once(None));
    above.zip(up_to).map(|(above, up_to)| IdRange { above, up_to }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sf_9_fifteen_characters_become_eighteen() {
        for (short, long) in [
            ("00Di0000000icUB", "00Di0000000icUBEAY"),
            ("005i0000002MUqL", "005i0000002MUqLAAW"),
            ("00ei0000001CMKc", "00ei0000001CMKcAAO"),
            ("001Qk00000AbXyZ", "001Qk00000AbXyZIAV"),
            ("005Qk000003mNoP", "005Qk000003mNoPIAU"),
        ] {
            assert_eq!(SfId::parse(short).unwrap().as_str(), long);
            assert_eq!(SfId::parse(long).unwrap().as_str(), long);
        }
    }

    #[test]
    fn what_is_no_id_stays_out() {
        for text in [
            "",
            "001",
            "001Qk00000AbXyZI",
            "001qk00000abxyziav",
            "001Qk00000AbXyZIAU",
            "001Qk00000AbXy'",
            "001Qk00000AbXyZIAV ",
            "001Qk00000AbXéZ",
            "' OR Id != '001",
        ] {
            assert_eq!(SfId::parse(text), None, "{text:?}");
        }
    }

    fn id() -> impl Strategy<Value = SfId> {
        "001[0-9A-Za-z]{12}".prop_map(|text| SfId::parse(&text).unwrap())
    }

    fn holds(range: &IdRange, id: &SfId, less: impl Fn(&SfId, &SfId) -> bool) -> bool {
        range.above.as_ref().is_none_or(|above| less(above, id)) && range.up_to.as_ref().is_none_or(|up_to| !less(up_to, id))
    }

    proptest! {
        #[test]
        fn every_id_lies_in_exactly_one_range(one in id(), other in id(), asked in prop::collection::vec(id(), 1..40), count in 1_usize..17) {
            let (low, high) = (one.clone().min(other.clone()), one.max(other));
            let ranges = ranges(&low, &high, count);
            prop_assert!(ranges.len() <= count);
            for id in asked.iter().chain([&low, &high]).chain(ranges.iter().filter_map(|range| range.up_to.as_ref())) {
                prop_assert_eq!(ranges.iter().filter(|range| holds(range, id, |left, right| left < right)).count(), 1, "{}", id);
            }
        }

        #[test]
        fn evenly_spread_ids_fill_every_range(start in 0_u128..1 << 60, count in 2_usize..9) {
            let ids: Vec<SfId> = (0..1000).map(|step| SfId::of_number("001", start + step * 7).unwrap()).collect();
            for range in ranges(&ids[0], &ids[999], count) {
                let held = ids.iter().filter(|id| holds(&range, id, |left, right| left < right)).count();
                prop_assert!(held >= 1000 / count - 2 && held <= 1000 / count + 2, "{held} of 1000 in one of {count}");
            }
        }

        #[test]
        fn an_id_has_one_form(text in "[0-9A-Za-z]{15}") {
            let id = SfId::parse(&text).unwrap();
            prop_assert_eq!(SfId::parse(id.as_str()), Some(id.clone()));
            prop_assert_eq!(&id.as_str()[..15], text.as_str());
        }
    }
}
