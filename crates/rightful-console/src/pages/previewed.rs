//! What saving a code table would move, in words for people.

use rightful_core::Instant;
use rightful_engine::{Preview, PreviewLine, Refusal};

use crate::told::{counted, moment, number};

/// Customers listed in a preview.
pub const PREVIEWED: usize = 50;

/// What saving would move, for people.
pub struct Previewed {
    /// "Moves 214 customers".
    pub headline: String,
    /// From whom to whom, the largest groups.
    pub moves: Vec<String>,
    /// How many move in groups that are not listed.
    pub more_moves: Option<String>,
    /// Which records move.
    pub records: Vec<PreviewLine>,
    /// How many more do.
    pub more_records: Option<String>,
    /// What else is to be known.
    pub remarks: Vec<String>,
    /// What would stop the next run.
    pub refusals: Vec<Refusal>,
    /// Were both sides read, so that anything can be said?
    pub can_tell: bool,
}

impl Previewed {
    /// In words, as of now.
    pub fn of(preview: Preview, now: Instant) -> Self {
        let mut remarks = Vec::new();
        let mut remark = |count: u64, one: &str, many: &str| {
            if count > 0 {
                remarks.push(if count == 1 { one.to_owned() } else { format!("{} {many}", number(count)) });
            }
        };
        remark(preview.follows.unwrap_or(0), "1 visit frequency goes with them.", "visit frequencies go with them.");
        remark(
            preview.stays,
            "1 customer that the next run would move stays where it is.",
            "customers that the next run would move stay where they are.",
        );
        remark(preview.holds, "1 customer would wait for a user.", "customers would wait for a user.");
        remark(preview.pending, "1 other change is due at the next run anyway.", "other changes are due at the next run anyway.");
        if let Some(read_at) = preview.read_at {
            remarks.push(format!("Judged by what was read {}.", moment(read_at, now).away));
        }
        let more = preview.total - preview.records.len() as u64;
        Self {
            headline: if preview.total == 0 {
                "Moves no customer".to_owned()
            } else {
                format!("Moves {}", counted(preview.total, "customer"))
            },
            moves: preview
                .moves
                .iter()
                .map(|one| format!("{} from {} to {}", counted(one.records, "customer"), one.from, one.to))
                .collect(),
            more_moves: (preview.rest > 0).then(|| format!("and {} in smaller groups", counted(preview.rest, "customer"))),
            records: preview.records,
            more_records: (more > 0).then(|| format!("and {} more", counted(more, "customer"))),
            remarks,
            refusals: preview.refusals,
            can_tell: preview.read_at.is_some(),
        }
    }
}
