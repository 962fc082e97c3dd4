//! Connects Sage Intacct through its XML web services.
