//! Ids of records that we make, each naming its figure: two figures of one source record must never overwrite each other.

use crate::{Error, ErrorKind, RecordId, Result};

/// What parts the source record from its figure.
const BORDER: char = '#';

/// The id under which one figure of a source record is sent. Different pairs never share an id.
///
/// A target that keeps one record per id would overwrite one figure with another where they shared it.
///
/// ```
/// use rightful_core::figure_id;
/// assert_eq!(figure_id("006Kz1", "deals-won").as_str(), "006Kz1#deals-won");
/// ```
pub fn figure_id(record: &str, figure: &str) -> RecordId {
    RecordId::new(format!("{}{BORDER}{}", escaped(record), escaped(figure)))
}

/// The source record and the figure of an id.
///
/// # Errors
/// `Rejected` where it names no figure.
pub fn figure_parts(id: &str) -> Result<(String, String)> {
    let parts = id.split_once(BORDER).filter(|(record, figure)| !record.is_empty() && !figure.is_empty() && !figure.contains(BORDER));
    let (record, figure) = parts.ok_or_else(|| {
        Error::new(ErrorKind::Rejected, format!("record id `{id}` names no figure"))
            .hint("write RECORD#FIGURE: without the figure, another one of the same record would overwrite it")
    })?;
    Ok((plain(record), plain(figure)))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace(BORDER, "%23")
}

fn plain(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_without_a_figure_is_refused() {
        for id in ["rep-42", "#deals", "rep-42#", "#", "a#b#c"] {
            assert!(figure_parts(id).is_err(), "{id} was accepted");
        }
        assert_eq!(figure_parts("rep-42#deals").unwrap(), ("rep-42".to_owned(), "deals".to_owned()));
    }

    proptest! {
        #[test]
        fn an_id_gives_back_what_it_was_made_of(record in "[a%#2350é]{1,12}", figure in "[a%#2350é]{1,12}") {
            let id = figure_id(&record, &figure);
            prop_assert_eq!(figure_parts(id.as_str()).unwrap(), (record, figure));
        }
    }
}
