//! Sockets for the client: without Nagle's algorithm, with quick acknowledgements, and with TLS where it is configured.
//!
//! The server waits for acknowledgements between the pieces of one answer; without the two, each frame would take 40 ms.

use crate::limits::CONNECT_WAIT;
use crate::options::{ClusterAddress, OpenError, Tls};
use async_trait::async_trait;
use fluvio_future::net::{BoxReadConnection, BoxWriteConnection, ConnectionFd, DomainConnector, TcpDomainConnector};
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use sterna_env::Env;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

#[derive(Clone)]
pub(crate) struct Connector {
    env: Env,
    tls: Option<TlsConnector>,
    /// The name in certificates, where it is not the address's host.
    server_name: Option<String>,
}

impl Connector {
    pub fn new(env: &Env, address: &ClusterAddress) -> Result<Self, OpenError> {
        let Some(tls) = &address.tls else { return Ok(Self { env: env.clone(), tls: None, server_name: None }) };
        let config = client_config(tls).map_err(|text| OpenError::Tls(format!("TLS to {}: {text}", address.endpoint)))?;
        Ok(Self { env: env.clone(), tls: Some(TlsConnector::from(Arc::new(config))), server_name: tls.server_name.clone() })
    }

    pub fn boxed(&self) -> DomainConnector {
        Box::new(self.clone())
    }

    fn server_name(&self, address: &str) -> io::Result<ServerName<'static>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))
    }
}

fn client_config(tls: &Tls) -> Result<ClientConfig, String> {
    let certificates = |path: &std::path::Path| -> Result<Vec<CertificateDer<'static>>, String> {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        read.map_err(|e| format!("{}: {e}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.ca)? {
        roots.add(certificate).map_err(|e| format!("{}: {e}", tls.ca.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("{} has no certificate", tls.ca.display()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|e| e.to_string())?.with_root_certificates(roots);
    match &tls.certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
            builder.with_client_auth_cert(certificates(certificate)?, private).map_err(|e| format!("{}: {e}", certificate.display()))
        }
    }
}

#[async_trait]
impl TcpDomainConnector for Connector {
    async fn connect(&self, address: &str) -> io::Result<(BoxWriteConnection, BoxReadConnection, ConnectionFd)> {
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let id = stream.as_raw_fd();
            match &self.tls {
                None => Ok(halves(Quick(stream), id)),
                Some(tls) => Ok(halves(tls.connect(self.server_name(address)?, Quick(stream)).await?, id)),
            }
        };
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {CONNECT_WAIT:?}")));
        self.env.timeout(CONNECT_WAIT, connecting).await.unwrap_or_else(late)
    }

    /// The names that the client makes up for storage units are in no certificate of ours.
    fn new_domain(&self, _: String) -> DomainConnector {
        self.boxed()
    }

    fn domain(&self) -> &str {
        self.server_name.as_deref().unwrap_or_default()
    }

    fn clone_box(&self) -> DomainConnector {
        self.boxed()
    }
}

fn halves<S>(stream: S, id: ConnectionFd) -> (BoxWriteConnection, BoxReadConnection, ConnectionFd)
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
{
    let (read, write) = tokio::io::split(stream);
    (Box::new(write.compat_write()), Box::new(read.compat()), id)
}

/// A socket that acknowledges at once what it reads.
struct Quick(TcpStream);

impl AsyncRead for Quick {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // The system forgets it again whenever it likes. Where it can't be set, only time is lost.
        #[cfg(target_os = "linux")]
        rustix::net::sockopt::set_tcp_quickack(&self.0, true).ok();
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Quick {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
