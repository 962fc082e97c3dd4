//! One function per call of Skynamo's Public API.

use futures::future::try_join_all;
use rightful_core::{BaseUrl, Call, Client, Error, ErrorKind, Response, Result};
use serde::{Deserialize, Serialize};

use crate::{map, wire};

/// The customer form's id, the same in every instance (as live clients use it).
const CUSTOMER_FORM: i64 = -1;

/// The largest answer read, after decompression: 200 rows of 80 KiB each.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Calls to one instance.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    pub base: BaseUrl,
}

/// Reads an answer's JSON without copying what can be borrowed.
pub fn parsed<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T> {
    // Checked once as a whole, which is several times cheaper than each text of the answer by itself.
    serde_json::from_str(response.text()?).map_err(|error| {
        // serde_json's message may quote the value it stumbled over: only the place is kept.
        Error::new(ErrorKind::Protocol, format!("the answer is not the JSON we know (line {}, column {})", error.line(), error.column()))
            .hint("run it again; if it stays, report it with the vendor's answer")
    })
}

impl Api {
    async fn get(&self, operation: &'static str, path: &[&str], parameters: &[(&str, String)]) -> Result<Response> {
        let call = Call::get(operation, self.base.join(path)?).body_cap(LARGEST_ANSWER);
        self.client.call(parameters.iter().fold(call, |call, (name, value)| call.query(name, value))).await
    }

    /// One page of a list. Null members are asked for: without that, absent would not mean empty.
    pub async fn page(&self, operation: &'static str, path: &str, number: u64, size: u64, filters: &[String]) -> Result<Response> {
        let mut parameters = vec![("page_number", number.to_string()), ("page_size", size.to_string()), ("flags", "show_nulls".to_owned())];
        if !filters.is_empty() {
            parameters.push(("filters", serde_json::json!(filters).to_string()));
        }
        self.get(operation, &[path], &parameters).await
    }

    /// One row; `None` where the service says that there is none (SK-20: merged or removed).
    pub async fn item(&self, operation: &'static str, path: &str, id: &str) -> Result<Option<Response>> {
        if map::number(id).is_none() {
            return Ok(None);
        }
        match self.get(operation, &[path, id], &[("flags", "show_nulls".to_owned())]).await {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Several rows, side by side as far as the account's permits allow.
    pub async fn items(&self, operation: &'static str, path: &str, ids: &[&str]) -> Result<Vec<Option<Response>>> {
        try_join_all(ids.iter().map(|id| self.item(operation, path, id))).await
    }

    /// Changes rows by id; members left out stay. Never repeated by itself: after an unclear end the rows are read.
    pub async fn patch<T: Serialize>(&self, operation: &'static str, path: &str, rows: &[T]) -> Result<()> {
        let call = Call::patch(operation, self.base.join([path])?).body_cap(LARGEST_ANSWER).json(rows)?;
        let response = self.client.call(call).await?;
        // A success whose answer cannot be read may or may not have been one.
        parsed::<wire::Written>(&response).map(drop).map_err(|error| error.operation(operation).fate_unknown(true))
    }

    /// Id and label of every custom field of customers.
    pub async fn customer_form(&self) -> Result<Vec<(i64, String)>> {
        let mut number = 1;
        loop {
            let filter = format!("equals(id,{CUSTOMER_FORM})");
            let response = self.page("form definitions", "formdefinitions", number, 200, std::slice::from_ref(&filter)).await?;
            let list: wire::List<wire::FormDefinition> = parsed(&response)?;
            let rows = list.data.len();
            // The filter may be passed over: look for the form wherever it stands.
            if let Some(form) = list.data.into_iter().find(|form| form.id == CUSTOMER_FORM) {
                return Ok(form.custom_fields.into_iter().filter_map(|field| Some((field.id, field.name?))).collect());
            }
            if rows < 200 || number >= 50 {
                return Ok(Vec::new());
            }
            number += 1;
        }
    }

    /// The active integration's settings.
    pub async fn integration_form(&self) -> Result<Response> {
        self.get("integration form", &["integrationformvalues"], &[]).await
    }

    /// Asks the vendor's own middleware for a run now (SK-11).
    pub async fn import_now(&self) -> Result<()> {
        let call = Call::post("import now", self.base.join(["integrations"])?).json(&serde_json::json!({"action": "ImportNow"}))?;
        let response = self.client.call(call).await?;
        parsed::<wire::Written>(&response).map(drop)
    }
}
