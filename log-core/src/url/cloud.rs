//! Stores of clouds, with the settings of the environment.
//!
//! Depends on `object_store` and, because its client is built without one, on rustls's ring provider.

use super::Cloud;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, Error, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// A log's writer tries again by itself, and wants to know that it has to; a reader's caller is told.
/// A connection may take 5 s and a request 30 s, which are the clients' defaults.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 4,
        retry_timeout: Duration::from_secs(30),
    }
}

/// Opens a bucket. Reads files of credentials, if the settings name some; reaches for no network.
pub(super) fn open(cloud: Cloud, bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    // The first provider stays; another that a program has chosen is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(match cloud {
        Cloud::Google => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries())
                .build()?,
        ),
        Cloud::Amazon => Arc::new(
            AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries())
                .build()?,
        ),
        Cloud::Azure => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_retry(retries())
                .build()?,
        ),
    })
}
