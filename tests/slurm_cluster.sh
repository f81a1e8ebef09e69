#!/usr/bin/env bash
# A Slurm cluster of this machine alone, on loopback, with all that it writes in one folder.
#
#   tests/slurm_cluster.sh start FOLDER   starts munged, slurmctld and slurmd; prints where slurm.conf is
#   tests/slurm_cluster.sh stop FOLDER    ends what start has started
#
# Needs Debian's packages slurm-wlm and munge, none of their services and no root. Clients find the
# cluster by SLURM_CONF. It has two processors, whatever the machine has, and no accounting, so `sacct`
# does not answer.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin # munged, slurmctld and slurmd

free_ports() {
    python3 - <<'PYTHON'
import socket

sockets = [socket.socket() for _ in range(2)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
}

write_configuration() {
    local user controller_port node_port
    user=$(id -un)
    read -r controller_port node_port < <(free_ports)
    cat >slurm.conf <<CONF
ClusterName=here
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=$controller_port
SlurmdPort=$node_port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$PWD/munge/socket
CredType=cred/munge
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd.pid
SlurmctldLogFile=$PWD/slurmctld.log
SlurmdLogFile=$PWD/slurmd.log
MpiDefault=none
SwitchType=switch/none
# Without cgroups, which a container does not hand on: a step is its tree of processes.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

start() {
    mkdir -p "$1"
    cd "$1"
    mkdir -p state spool munge
    chmod 755 munge
    (umask 077 && head -c 1024 /dev/urandom >munge/key)
    # --force: the folder may be for its owner alone, as the cluster is.
    munged --force --key-file="$PWD/munge/key" --socket="$PWD/munge/socket" --pid-file="$PWD/munge/pid" \
        --log-file="$PWD/munge/log" --seed-file="$PWD/munge/seed" --num-threads=2 2>/dev/null
    write_configuration
    export SLURM_CONF=$PWD/slurm.conf
    slurmctld -c -f "$SLURM_CONF"
    slurmd -c -f "$SLURM_CONF"
    for _ in $(seq 60); do
        if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then
            echo "$SLURM_CONF"
            return
        fi
        sleep 1
    done
    tail -n 20 slurmctld.log slurmd.log >&2
    stop "$PWD"
    return 1
}

stop() {
    cd "$1"
    local file pid
    for file in slurmd.pid slurmctld.pid munge/pid; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}

case "${1-} ${2-}" in
"start "?* | "stop "?*) "$1" "$2" ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
