"""The daemon: keeps one wallet database in step with the circle through sync servers.

Where to look for what. A sync begins in ``syncer`` and does all its work in ``exchange``; from there the data goes down
to ``keeper`` and on to ``wallet``, ``sets`` and ``state``, and out through ``blob`` and ``server``.

- The process: ``app`` has the whole of it, ``opening`` its files and keys; ``obeying``, ``reload`` and ``settings``
  obey signals, ``notify`` and ``pulse`` speak to the service manager, ``ending`` ends it in time.
- What runs in it: ``circle`` has ``syncers``, each a ``syncer`` that goes by a ``plan``, syncs by an ``exchange``, and
  keeps ``lessons`` and ``trouble``. ``conflicts``, ``copies`` and ``spooling`` serve the exchange.
- What wakes it: ``lookout`` (the wallet), ``waking`` and ``clocks`` (the machine and the network).
- What people change of the circle: ``membership``, with ``invitation`` and ``leaving``; ``rotation``.
- What it tells: ``control`` when it is asked, with ``status``; ``reporting`` and ``logs`` unasked.
- What the wallet holds: ``keeper``, between ``wallet`` (the wallet's database), ``sets`` (the merge) and ``state``
  (our own database).
- What servers hold: ``blob`` (the sealed bytes), and ``server`` (the ways to reach one).
- Secrets: ``keys``, ``credentials``, ``passphrase``, ``secret``.
- What others are given: ``surroundings``, ``worker``, ``times``, ``disk``, ``errors``.
- The self-check: ``doctor``.
"""
