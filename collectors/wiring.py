"""From settings to stages: the receiver, the pipeline and the exporter that they describe."""

import sys

from collectors.agent import Agent
from collectors.config import Config
from collectors.exporters.base import Exporter
from collectors.exporters.console import ConsoleExporter
from collectors.exporters.redis_stream import RedisStreamExporter
from collectors.processors.pipeline import Pipeline
from collectors.receivers.base import Receiver
from collectors.receivers.bpf import RTP_SAMPLED, check, sip_filter, with_media


def agent(config: Config, boot: str) -> Agent:
    """Everything, ready to run. Raises `ReceiverError` or `ExporterError`."""
    pipeline = Pipeline(
        redacted=not config.no_redact,
        drop_networks=config.drop_address,
        drop_methods=config.drop_method,
        media=config.media,
        sampled=RTP_SAMPLED if config.receiver == "libpcap" else 1,
    )
    return Agent(receiver(config, boot), pipeline, exporter(config, boot))


def receiver(config: Config, boot: str) -> Receiver:
    """The receiver; `boot` is the seed of made-up traffic. Raises `ReceiverError`."""
    # Each is imported only where it is wanted: pyshark alone takes longer to load than all the rest.
    bpf = config.filter or sip_filter(config.ports, config.tunnels)
    if config.receiver == "libpcap":
        bpf = with_media(bpf, config.media)
    check(bpf)
    if config.receiver == "libpcap":
        from collectors.receivers.libpcap import LibpcapReceiver

        return LibpcapReceiver(config.id, list(config.interface), bpf, promiscuous=config.promiscuous)
    if config.receiver == "tshark":
        from collectors.receivers.tshark import TsharkReceiver

        return TsharkReceiver(
            config.id,
            interfaces=[] if config.file else list(config.interface),
            bpf=bpf,
            path=config.file,
            real_time=config.pace == 1,
            key_log=config.key_log,
            decode_as=config.decode_as,
            promiscuous=config.promiscuous,
        )
    if config.receiver == "hep":
        from collectors.receivers.hep import HepReceiver

        return HepReceiver(
            config.id,
            config.listen,
            keys=config.hep_key,
            allowed=config.allow,
            certificate=config.tls_certificate,
            certificate_key=config.tls_key,
        )
    if config.receiver == "scenario":
        from collectors.receivers.scenario import ScenarioReceiver

        return ScenarioReceiver(config.id, boot, calls_per_second=config.calls_per_second)
    from collectors.receivers.pcap_file import FileReceiver

    return FileReceiver(config.file, config.id, real_time=config.pace == 1, bpf=config.filter, key_log=config.key_log)


def exporter(config: Config, boot: str) -> Exporter:
    """The exporter, with its mirror where one is wanted. Raises `ExporterError`."""
    main = _exporter(config, boot)
    if config.mirror is None:
        return main
    from collectors.exporters.hep import HepMirror, MirroredExporter

    return MirroredExporter(main, HepMirror(config.mirror, config.id, config.mirror_key))


def _exporter(config: Config, boot: str) -> Exporter:
    if config.output == "console":
        return ConsoleExporter(sys.stdout.buffer)
    return RedisStreamExporter(
        config.stream_url,
        collector=config.id,
        boot=boot,
        partitions=config.partitions,
        spool=config.spool,
        spool_size=config.spool_size,
        batch_s=config.batch_ms / 1000,
    )
