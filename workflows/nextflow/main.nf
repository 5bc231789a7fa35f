// Predict a folder of cells in shards, and join them.
//
//     nextflow run workflows/nextflow/main.nf --cells CELLS --shards 4 --outdir OUT

include { DISPR_PREDICT } from './modules/dispr/predict/main'
include { DISPR_GATHER } from './modules/dispr/gather/main'

params.cells = null
params.shards = 4
params.outdir = 'predictions'

workflow {
    cells = file(params.cells, checkIfExists: true, type: 'dir')
    meta = [id: cells.name]
    DISPR_PREDICT(Channel.of(1..params.shards).map { shard -> [meta, cells, shard, params.shards] })
    DISPR_GATHER(DISPR_PREDICT.out.part.groupTuple(size: params.shards).map { m, parts -> [m, parts, cells] })
    DISPR_GATHER.out.prediction.subscribe { m, folder -> folder.copyTo("${params.outdir}/${m.id}") }
}
