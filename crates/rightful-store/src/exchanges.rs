//! Exchanges that carried changes: kept for the newest runs that had any, found by run and change.

use rightful_core::{Exchange, Result};
use rightful_engine::{Carried, EXCHANGE_RUNS, RunId};
use rusqlite::{Connection, Transaction, params};

use crate::codec::{data, text};
use crate::database::told;

/// Changes in one range: what a look-up has to go back at most.
const RANGE: i64 = 1_000;

pub(crate) fn put(tx: &Transaction<'_>, integration: &str, carried: &[Carried]) -> Result<()> {
    if carried.is_empty() {
        return Ok(());
    }
    let mut insert = tx.prepare_cached("INSERT INTO exchange (integration, run, body) VALUES (?1, ?2, ?3)").map_err(told)?;
    let mut cover = tx.prepare_cached("INSERT INTO exchange_change (run, last, first, exchange) VALUES (?1, ?2, ?3, ?4)").map_err(told)?;
    for one in carried {
        insert.execute(params![integration, one.run.0, text(&one.exchange)]).map_err(told)?;
        let exchange = tx.last_insert_rowid();
        for (first, last) in ranges(&one.changes) {
            cover.execute(params![one.run.0, last, first, exchange]).map_err(told)?;
        }
    }
    Ok(())
}

/// Ascending numbers as ranges without gaps.
fn ranges(numbers: &[i64]) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, last)) if *last + 1 == *number && *number - *first < RANGE => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

pub(crate) fn of_change(connection: &Connection, run: RunId, change: i64) -> Result<Vec<Exchange>> {
    let mut select = connection
        .prepare_cached(
            "SELECT id, body FROM exchange_change CROSS JOIN exchange ON exchange.id = exchange_change.exchange
             WHERE exchange_change.run = ?1 AND last >= ?2 AND last < ?2 + ?3 AND first <= ?2",
        )
        .map_err(told)?;
    let mut rows: Vec<(i64, String)> =
        select.query_map(params![run.0, change, RANGE], |row| Ok((row.get(0)?, row.get(1)?))).and_then(Iterator::collect).map_err(told)?;
    rows.sort_unstable();
    rows.iter().map(|(_, body)| data(body)).collect()
}

/// Drops those of runs older than the newest ones that are kept.
pub(crate) fn drop_old(tx: &Transaction<'_>, integration: &str) -> Result<()> {
    let mut newest_below = tx.prepare_cached("SELECT MAX(run) FROM exchange WHERE integration = ?1 AND run < ?2").map_err(told)?;
    let mut oldest_kept = i64::MAX;
    for _ in 0..EXCHANGE_RUNS {
        let Some(run) = newest_below.query_row(params![integration, oldest_kept], |row| row.get::<_, Option<i64>>(0)).map_err(told)? else {
            oldest_kept = 0;
            break;
        };
        oldest_kept = run;
    }
    for statement in [
        "DELETE FROM exchange_change WHERE run IN (SELECT run FROM exchange WHERE integration = ?1 AND run < ?2)",
        "DELETE FROM exchange WHERE integration = ?1 AND run < ?2",
    ] {
        tx.prepare_cached(statement).and_then(|mut delete| delete.execute(params![integration, oldest_kept])).map_err(told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges_that_a_look_up_can_find() {
        for (numbers, expected) in [
            (vec![], vec![]),
            (vec![7], vec![(7, 7)]),
            (vec![1, 2, 3], vec![(1, 3)]),
            (vec![1, 3, 4, 9], vec![(1, 1), (3, 4), (9, 9)]),
            ((1..=2_001).collect(), vec![(1, 1_000), (1_001, 2_000), (2_001, 2_001)]),
        ] {
            assert_eq!(ranges(&numbers), expected);
        }
    }
}
