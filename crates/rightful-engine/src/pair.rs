//! Pairs source with target records: one merge-join over two streams that are ordered by key.

use std::cmp::Ordering;
use std::collections::VecDeque;

use rightful_core::{Error, ErrorKind, KeyName, Result};

use crate::{NewCase, Row};

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The source's.
    Source,
    /// The target's.
    Target,
}

/// One step of the join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// One record on each side with exactly the same key.
    Paired(Row, Row),
    /// Nothing has this key in the target.
    SourceOnly(Row),
    /// Nothing has this key in the source.
    TargetOnly(Row),
    /// Several records of one side share a key: none of them is paired.
    Ambiguous {
        /// The key.
        key: String,
        /// How many source records have it.
        sources: u64,
        /// How many target records have it.
        targets: u64,
        /// Names of the first few.
        names: Vec<String>,
    },
    /// A record without the key.
    WithoutKey(Stream, Row),
    /// The join cannot go on before more rows of this stream, or its end, are given.
    More(Stream),
    /// Both streams are at their end.
    End,
}

#[derive(Debug)]
struct Lane {
    key: KeyName,
    rows: VecDeque<Row>,
    ended: bool,
    last: String,
}

impl Lane {
    fn new(key: KeyName) -> Self {
        Self { key, rows: VecDeque::new(), ended: false, last: String::new() }
    }

    fn key_at(&self, at: usize) -> Option<&str> {
        self.rows.get(at).map(|row| row.record.key(&self.key).unwrap_or(""))
    }

    fn take(&mut self) -> Row {
        self.rows.pop_front().expect("the caller looked at the front row")
    }
}

#[derive(Debug)]
struct Group {
    key: String,
    sources: u64,
    targets: u64,
    names: Vec<String>,
}

/// The join's state. It holds the chunks it was given and nothing more, however many records share a key.
#[derive(Debug)]
pub struct Join {
    source: Lane,
    target: Lane,
    group: Option<Group>,
}

impl Join {
    /// A join by these keys.
    pub fn new(source_key: KeyName, target_key: KeyName) -> Self {
        Self { source: Lane::new(source_key), target: Lane::new(target_key), group: None }
    }

    /// Gives it the next chunk of a stream; `None` says that the stream is at its end.
    ///
    /// # Errors
    /// `Protocol` where the rows are not in ascending order of the key: pairing them would miss pairs.
    pub fn give(&mut self, stream: Stream, rows: Option<Vec<Row>>) -> Result<()> {
        let lane = self.lane(stream);
        let Some(rows) = rows else {
            lane.ended = true;
            return Ok(());
        };
        let mut previous = lane.last.as_str();
        for row in &rows {
            let key = row.record.key(&lane.key).unwrap_or("");
            if key < previous {
                return Err(Error::new(ErrorKind::Protocol, format!("the image is not in order: `{key}` came after `{previous}`"))
                    .hint("report this: the store's order and the engine's differ"));
            }
            previous = key;
        }
        if let Some(last) = rows.last() {
            lane.last = last.record.key(&lane.key).unwrap_or("").to_owned();
        }
        if lane.rows.is_empty() {
            lane.rows = VecDeque::from(rows);
        } else {
            lane.rows.extend(rows);
        }
        Ok(())
    }

    /// The next step.
    pub fn step(&mut self) -> Joined {
        if let Some(joined) = self.drain_group() {
            return joined;
        }
        for stream in [Stream::Source, Stream::Target] {
            let lane = self.lane(stream);
            match lane.key_at(0) {
                None if !lane.ended => return Joined::More(stream),
                Some("") => {
                    let row = lane.take();
                    return Joined::WithoutKey(stream, row);
                }
                _ => {}
            }
        }
        let order = match (self.source.key_at(0), self.target.key_at(0)) {
            (None, None) => return Joined::End,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(source), Some(target)) => source.cmp(target),
        };
        // Before a row is given away it must be known whether the next one shares its key.
        for (stream, matters) in [(Stream::Source, order != Ordering::Greater), (Stream::Target, order != Ordering::Less)] {
            let lane = self.lane(stream);
            if !matters {
                continue;
            }
            match lane.key_at(1) {
                None if !lane.ended => return Joined::More(stream),
                Some(next) if Some(next) == lane.key_at(0) => {
                    let key = next.to_owned();
                    self.group = Some(Group { key, sources: 0, targets: 0, names: Vec::new() });
                    return self.drain_group().expect("a group was just begun");
                }
                _ => {}
            }
        }
        match order {
            Ordering::Less => Joined::SourceOnly(self.source.take()),
            Ordering::Greater => Joined::TargetOnly(self.target.take()),
            Ordering::Equal => Joined::Paired(self.source.take(), self.target.take()),
        }
    }

    /// Counts off the rows that share an ambiguous key; asks for more until both streams are past it.
    fn drain_group(&mut self) -> Option<Joined> {
        let mut group = self.group.take()?;
        for stream in [Stream::Source, Stream::Target] {
            let lane = self.lane(stream);
            while lane.key_at(0) == Some(group.key.as_str()) {
                let row = lane.take();
                if group.names.len() < 4 {
                    group.names.push(row.record.name);
                }
                match stream {
                    Stream::Source => group.sources += 1,
                    Stream::Target => group.targets += 1,
                }
            }
            if lane.rows.is_empty() && !lane.ended {
                self.group = Some(group);
                return Some(Joined::More(stream));
            }
        }
        let Group { key, sources, targets, names } = group;
        Some(Joined::Ambiguous { key, sources, targets, names })
    }

    fn lane(&mut self, stream: Stream) -> &mut Lane {
        match stream {
            Stream::Source => &mut self.source,
            Stream::Target => &mut self.target,
        }
    }
}

/// The case of a source record that the target lacks. A key longer than the target keeps can never be paired (SK-22).
pub fn source_only(key: &str, name: &str, kind: &str, longest: Option<usize>) -> NewCase {
    let length = key.chars().count();
    match longest {
        Some(longest) if length > longest => NewCase {
            reason: "code-too-long".to_owned(),
            subject: key.to_owned(),
            message: format!("{name}: the code `{key}` has {length} characters, the target keeps {longest}"),
            mend: "shorten the code in the source, then use the same code in the target".to_owned(),
        },
        _ => NewCase {
            reason: "source-only".to_owned(),
            subject: key.to_owned(),
            message: format!("{name}: the target has no {kind} with the code `{key}`"),
            mend: format!("create the {kind} in the target with exactly this code, or set it inactive in the source"),
        },
    }
}

/// The case of a target record that the source lacks.
pub fn target_only(key: &str, name: &str, kind: &str) -> NewCase {
    NewCase {
        reason: "target-only".to_owned(),
        subject: key.to_owned(),
        message: format!("{name}: the source has no {kind} with the code `{key}`"),
        mend: format!("correct the code in the target (case and leading zeros count), or set the {kind} inactive there"),
    }
}

/// The case of a key that several records share.
pub fn ambiguous(key: &str, sources: u64, targets: u64, names: &[String], kind: &str) -> NewCase {
    NewCase {
        reason: "ambiguous-key".to_owned(),
        subject: key.to_owned(),
        message: format!("the code `{key}` is shared by {sources} records of the source and {targets} of the target: {}", names.join(", ")),
        mend: format!("give each {kind} its own code; until then none of them is touched"),
    }
}

#[cfg(test)]
mod tests {
    use rightful_core::{Key, Record, State};

    use super::*;
    use crate::Digest;

    fn row(id: &str, key: &str) -> Row {
        let keys = if key.is_empty() { Vec::new() } else { vec![Key::new("code", key)] };
        let record = Record {
            id: id.into(),
            keys,
            name: format!("Name {id}"),
            owners: Vec::new(),
            person: None,
            values: Vec::new(),
            changed_at: None,
            state: State::Active,
        };
        Row { record, digest: Digest(0), newcomers: Vec::new(), changed: false }
    }

    fn spell(joined: &Joined) -> String {
        match joined {
            Joined::Paired(source, target) => format!("{}={}", source.record.id, target.record.id),
            Joined::SourceOnly(row) => format!("{}<", row.record.id),
            Joined::TargetOnly(row) => format!(">{}", row.record.id),
            Joined::Ambiguous { key, sources, targets, .. } => format!("{key}:{sources}x{targets}"),
            Joined::WithoutKey(stream, row) => format!("{stream:?}?{}", row.record.id),
            Joined::More(_) | Joined::End => String::new(),
        }
    }

    fn join(source: &[(&str, &str)], target: &[(&str, &str)], chunk: usize) -> Vec<String> {
        let rows = |side: &[(&str, &str)]| side.iter().map(|(id, key)| row(id, key)).collect::<Vec<_>>();
        let (source, target) = (rows(source), rows(target));
        let (mut source, mut target) = (source.chunks(chunk).map(<[Row]>::to_vec), target.chunks(chunk).map(<[Row]>::to_vec));
        let mut join = Join::new("code".into(), "code".into());
        let mut steps = Vec::new();
        loop {
            match join.step() {
                Joined::More(Stream::Source) => join.give(Stream::Source, source.next()).unwrap(),
                Joined::More(Stream::Target) => join.give(Stream::Target, target.next()).unwrap(),
                Joined::End => return steps,
                other => steps.push(spell(&other)),
            }
        }
    }

    #[test]
    fn sk_23_records_pair_by_exactly_the_same_code_whatever_the_chunks() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (&[], &[], &[]),
            (&[("1", "A")], &[("a", "A")], &["1=a"]),
            (&[("1", "A"), ("2", "C")], &[("a", "B"), ("b", "C")], &["1<", ">a", "2=b"]),
            (&[("1", "007"), ("2", "07"), ("3", "7")], &[("a", "07"), ("b", "7")], &["1<", "2=a", "3=b"]),
            (&[("1", "AB"), ("2", "ab")], &[("a", "Ab"), ("b", "ab")], &["1<", ">a", "2=b"]),
            (&[("1", "A"), ("2", "A")], &[("a", "A"), ("b", "B")], &["A:2x1", ">b"]),
            (&[("1", "A")], &[("a", "A"), ("b", "A"), ("c", "A")], &["A:1x3"]),
            (&[("1", "A"), ("2", "A")], &[("a", "B")], &["A:2x0", ">a"]),
            (&[("1", ""), ("2", ""), ("3", "A")], &[("a", ""), ("b", "A")], &["Source?1", "Source?2", "Target?a", "3=b"]),
        ];
        for (source, target, expected) in cases {
            for chunk in 1..4 {
                assert_eq!(join(source, target, chunk), *expected, "chunks of {chunk}");
            }
        }
    }

    #[test]
    fn a_stream_out_of_order_is_an_error_not_a_missed_pair() {
        let mut join = Join::new("code".into(), "code".into());
        join.give(Stream::Source, Some(vec![row("1", "B")])).unwrap();
        let error = join.give(Stream::Source, Some(vec![row("2", "A")])).unwrap_err();
        assert!(error.to_string().contains("not in order"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn the_join_is_what_a_table_of_keys_says(
            source in proptest::collection::vec("[ab]{0,2}", 0..12), target in proptest::collection::vec("[ab]{0,2}", 0..12), chunk in 1..5_usize,
        ) {
            let side = |mut keys: Vec<String>| { keys.sort(); keys };
            let (source, target) = (side(source), side(target));
            let count = |keys: &[String], key: &str| keys.iter().filter(|known| *known == key).count();
            let mut expected = std::collections::BTreeMap::new();
            for key in source.iter().chain(&target).filter(|key| !key.is_empty()) {
                expected.insert(key.clone(), (count(&source, key), count(&target, key)));
            }
            let source_rows: Vec<(&str, &str)> = source.iter().map(|key| (key.as_str(), key.as_str())).collect();
            let target_rows: Vec<(&str, &str)> = target.iter().map(|key| (key.as_str(), key.as_str())).collect();
            let seen: Vec<String> = join(&source_rows, &target_rows, chunk).into_iter().filter(|step| !step.contains('?')).collect();
            let spelled: Vec<String> = expected.iter().map(|(key, counts)| match counts {
                (1, 1) => format!("{key}={key}"),
                (1, 0) => format!("{key}<"),
                (0, 1) => format!(">{key}"),
                (sources, targets) => format!("{key}:{sources}x{targets}"),
            }).collect();
            proptest::prop_assert_eq!(seen, spelled);
        }
    }

    #[test]
    fn sk_22_a_code_longer_than_the_target_keeps_has_its_own_case() {
        let long = "é".repeat(41);
        assert_eq!(source_only(&long, "Name", "customer", Some(40)).reason, "code-too-long");
        assert_eq!(source_only(&"é".repeat(40), "Name", "customer", Some(40)).reason, "source-only");
        assert_eq!(source_only(&long, "Name", "customer", None).reason, "source-only");
    }
}
