//! Which integrations a list over all of them may show, and how such lists are put together.

use rightful_core::Result;
use rightful_engine::{Case, CaseFilter, Hold, HoldId, Plan, PlanFilter, Run, RunFilter};

use crate::Console;
use crate::access::Who;
use crate::problem::Problem;

/// Rows on one page of a list.
pub const PAGE: usize = 50;

/// The integrations of a list.
#[derive(Clone, Debug)]
pub struct Scope {
    /// All that whoever asks may see, by name: what a filter offers.
    pub offered: Vec<String>,
    /// The one that was asked for; empty: all.
    pub wanted: String,
    /// Those to ask the store for; `None`: for all at once.
    asked: Option<Vec<String>>,
}

impl Scope {
    /// What this person may see of what they asked for.
    ///
    /// # Errors
    /// Not found where they asked for one that is not there, or not for them.
    pub fn of(console: &Console, who: &Who, wanted: &str) -> std::result::Result<Self, Problem> {
        let access = who.access();
        let deployed = console.deployment.integrations().into_iter().map(|deployed| deployed.integration.name);
        let offered: Vec<String> = deployed.filter(|name| access.covers(name)).collect();
        let asked = match wanted {
            "" if access.scope.is_none() => None,
            "" => Some(offered.clone()),
            name if offered.iter().any(|known| known == name) => Some(vec![name.to_owned()]),
            _ => return Err(Problem::not_found("such integration")),
        };
        Ok(Self { offered, wanted: wanted.to_owned(), asked })
    }

    /// Is it an integration that a page can be shown of?
    pub fn offers(&self, name: &str) -> bool {
        self.offered.iter().any(|known| known == name)
    }

    /// For each question to the store: one for all integrations, or one each.
    fn questions(&self) -> Vec<Option<String>> {
        match &self.asked {
            None => vec![None],
            Some(names) => names.iter().cloned().map(Some).collect(),
        }
    }

    /// Runs, newest first, as many as the filter's limit.
    pub async fn runs(&self, console: &Console, filter: RunFilter) -> Result<Vec<Run>> {
        let mut found = Vec::new();
        for integration in self.questions() {
            found.extend(console.store.runs_where(&RunFilter { integration, ..filter.clone() }).await?);
        }
        found.sort_by_key(|run| std::cmp::Reverse(run.id));
        found.truncate(filter.limit);
        Ok(found)
    }

    /// Plans, newest first, as many as the filter's limit.
    pub async fn plans(&self, console: &Console, filter: PlanFilter) -> Result<Vec<Plan>> {
        let mut found = Vec::new();
        for integration in self.questions() {
            found.extend(console.store.plans_where(&PlanFilter { integration, ..filter.clone() }).await?);
        }
        found.sort_by_key(|plan| std::cmp::Reverse(plan.id));
        found.truncate(filter.limit);
        Ok(found)
    }

    /// Cases, oldest first, as many as the filter's limit.
    pub async fn cases(&self, console: &Console, filter: CaseFilter) -> Result<Vec<Case>> {
        let mut found = Vec::new();
        for integration in self.questions() {
            found.extend(console.store.cases_where(&CaseFilter { integration, ..filter.clone() }).await?);
        }
        found.sort_by_key(|case| case.id);
        found.truncate(filter.limit);
        Ok(found)
    }

    /// Open cases by reason, the most first.
    pub async fn case_counts(&self, console: &Console) -> Result<Vec<(String, u64)>> {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        for integration in self.questions() {
            for (reason, count) in console.store.case_counts(integration.as_deref()).await? {
                *counts.entry(reason).or_default() += count;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(counts)
    }

    /// Holds, oldest first.
    pub async fn holds(&self, console: &Console, after: Option<HoldId>, limit: usize) -> Result<Vec<Hold>> {
        let mut found = Vec::new();
        for integration in self.questions() {
            found.extend(console.store.holds(integration.as_deref(), after, limit).await?);
        }
        found.sort_by_key(|hold| hold.id);
        found.truncate(limit);
        Ok(found)
    }
}

/// Cuts a list that was asked for one row more than a page: is there another page?
pub fn cut<T>(rows: &mut Vec<T>) -> bool {
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    more
}

/// Cuts a list that is there as a whole, in the order of its keys, to the page behind `after`: the key at its end where there is another page.
pub fn page_behind<T, K: PartialOrd>(rows: &mut Vec<T>, after: Option<&K>, key: impl Fn(&T) -> K) -> Option<K> {
    rows.retain(|row| after.is_none_or(|after| key(row) > *after));
    let more = cut(rows);
    rows.last().filter(|_| more).map(key)
}

/// Does what is searched for stand in one of these texts? Nothing stands in all.
pub fn fits<'a>(searched: &str, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let searched = searched.trim().to_lowercase();
    searched.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&searched))
}

/// A number in an address; what is none counts as not given.
pub fn cursor(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number > 0)
}

/// A query with these parts, the empty ones left out: "?outcome=failed&before=12".
pub fn query(parts: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(key, value);
    }
    format!("?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_whole_list_follow_each_other_to_its_end() {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let mut rows: Vec<usize> = (1..=2 * PAGE).collect();
            after = page_behind(&mut rows, after.as_ref(), |row| *row);
            assert_eq!(rows.len(), PAGE);
            seen.extend(rows);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=2 * PAGE).collect::<Vec<_>>());
    }

    #[test]
    fn a_search_looks_at_every_text_in_either_case() {
        for (searched, fitting) in [("", true), (" ANN ", true), ("example", true), ("bob", false)] {
            assert_eq!(fits(searched, ["Ann", "ann@example.com"]), fitting, "{searched:?}");
        }
    }

    #[test]
    fn a_query_leads_nowhere_else() {
        assert_eq!(query(&[("integration", "a&b=c"), ("outcome", ""), ("before", "12")]), "?integration=a%26b%3Dc&before=12");
        assert_eq!(query(&[]), "?");
        assert_eq!(["12", "-1", "0", "x", ""].map(cursor), [Some(12), None, None, None, None]);
    }
}
