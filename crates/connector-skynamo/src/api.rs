//! One function per call of Skynamo's Public API.

use futures::future::try_join_all;
use rightful_core::{Call, Client, Error, ErrorKind, Response, Result, Url};
use serde::{Deserialize, Serialize};

use crate::wire;

/// The customer form's id, the same in every instance (as live clients use it).
const CUSTOMER_FORM: i64 = -1;

/// Calls to one instance.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    pub base: Url,
}

/// Reads an answer's JSON without copying what can be borrowed.
pub fn parsed<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T> {
    serde_json::from_slice(&response.body).map_err(|error| {
        // serde_json's message may quote the value it stumbled over: only the place is kept.
        Error::new(ErrorKind::Protocol, format!("the answer is not the JSON we know (line {}, column {})", error.line(), error.column()))
            .hint("run it again; if it stays, report it with the vendor's answer")
    })
}

impl Api {
    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("connect accepts only addresses that can be a base").pop_if_empty().extend(path);
        url
    }

    /// One page of a list. Null members are asked for: without that, absent would not mean empty.
    pub async fn page(&self, operation: &'static str, path: &str, number: u64, size: u64, filters: &[String]) -> Result<Response> {
        let mut call = Call::get(operation, self.address(&[path]));
        call = call.query("page_number", number).query("page_size", size).query("flags", "show_nulls");
        if !filters.is_empty() {
            call = call.query("filters", serde_json::json!(filters));
        }
        self.client.call(call).await
    }

    /// One row; `None` where the service says that there is none (SK-20: merged or removed).
    pub async fn item(&self, operation: &'static str, path: &str, id: &str) -> Result<Option<Response>> {
        // An id that is no number never was Skynamo's.
        if id.parse::<i64>().is_err() {
            return Ok(None);
        }
        let call = Call::get(operation, self.address(&[path, id])).query("flags", "show_nulls");
        match self.client.call(call).await {
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
        let call = Call::patch(operation, self.address(&[path])).json(rows)?;
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
        self.client.call(Call::get("integration form", self.address(&["integrationformvalues"]))).await
    }

    /// Asks the vendor's own middleware for a run now (SK-11).
    pub async fn import_now(&self) -> Result<()> {
        let call = Call::post("import now", self.address(&["integrations"])).json(&serde_json::json!({"action": "ImportNow"}))?;
        let response = self.client.call(call).await?;
        parsed::<wire::Written>(&response).map(drop)
    }
}
